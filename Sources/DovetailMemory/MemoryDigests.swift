import Dovetail
import DovetailEngine

extension MemoryObservation: DigestingObservation {
    func digestDialect(of view: TableView) async throws -> String? {
        let table = try table(view)
        guard table.addsUpDigests else { return nil }
        let keys = Set(table.rows.map { table.key($0.key, $0.value, view) })
        return keys.count == table.rows.count ? "canonical" : nil
    }

    func sampleKeys(of view: TableView, count: Int) async throws -> [RecordKey] {
        let table = try table(view)
        let keys = table.rows.map { table.key($0.key, $0.value, view) }.sorted()
        guard keys.count > count else { return keys }
        return (0..<count).map { keys[$0 * keys.count / count] }
    }

    func digests(of view: TableView, parts: KeyParts) async throws -> [PartDigest] {
        var sums: [PartPosition: SetDigest] = [:]
        for (record, hash) in try records(view, parts) {
            let mask = (UInt64(1) << UInt64(parts.answerDepth)) - 1
            let position = PartPosition(range: parts.range(of: record.key), bucket: Int(hash & mask))
            sums[position, default: SetDigest()].add(record.digest)
        }
        return sums.sorted { $0.key < $1.key }.map {
            PartDigest(position: $0.key, digest: parts.isBrief ? $0.value.brief : $0.value)
        }
    }

    func keyDigests(of view: TableView, parts: KeyParts) async throws -> [KeyDigest] {
        try records(view, parts).map(\.record).sorted { $0.key < $1.key }
    }

    /// The records of the parts, with the hash that says which bucket each is in.
    private func records(_ view: TableView, _ parts: KeyParts) throws -> [(record: KeyDigest, hash: UInt64)] {
        let table = try table(view)
        let wanted = parts.wanted.map { Set($0) }
        let mask = (UInt64(1) << UInt64(parts.depth)) - 1
        return table.rows.compactMap { id, row in
            let key = table.key(id, row, view)
            let hash = Digest(of: key.bytes).low
            let position = PartPosition(range: parts.range(of: key), bucket: Int(hash & mask))
            if let wanted, !wanted.contains(position) { return nil }
            return (KeyDigest(key: key, digest: Digest(key: key, fields: table.fields(row, view))), hash)
        }
    }
}
