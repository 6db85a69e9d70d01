import Dovetail
import DovetailEngine

/// Finds what identifies the records of two tables, by looking at their declarations and at all their values.
struct MatchFinder {
    let pair: TablePair
    let fields: [MappedField]
    let observations: Sides<any Observation>

    /// The match and the reason for it.
    typealias Finding = (match: JobFile.Match, reason: String)

    /// The share of the smaller side's keys that must be on the other side too.
    private static let leastOverlap = 0.5
    /// Fields that are tried in pairs when no single one will do.
    private static let combined = 6

    func find() async throws -> Finding {
        let declared = declaredKeys()
        let singles = singleFields()
        let counts = try await Sides(left: scan([], .left).count, right: scan([], .right).count)
        if let found = try await best(of: declared, counts, isDeclared: true) { return found }
        // A replica that knows its records by their key alone can be asked by no other one.
        if let key = declared.first,
            Side.allCases.contains(where: { pair.descriptions[$0].contentReason != nil })
        {
            let names = key.map(name).joined(separator: " and ")
            return (
                .fields(key.map(name)),
                "\(names) \(key.count == 1 ? "is" : "are") declared as the key on both sides"
            )
        }
        if let found = try await best(of: singles.map { [$0] }, counts, isDeclared: false) { return found }
        let some = singles.prefix(Self.combined)
        let pairs = some.flatMap { first in some.filter { $0 > first }.map { [first, $0] } }
        if let found = try await best(of: pairs, counts, isDeclared: false) { return found }
        if let found = try await byID(counts) { return found }
        return (
            .content,
            "no field is unique on both sides with values that meet: equal records are paired once, and then "
                + "remembered"
        )
    }

    // MARK: Candidates

    /// Keys that both sides declare, without row numbers.
    private func declaredKeys() -> [[Int]] {
        func keys(_ side: Side) -> [Set<Int>] {
            let table = pair.descriptions[side]
            return ([table.primaryKey] + table.uniqueKeys).compactMap { columns in
                let found = columns.compactMap { name in
                    fields.firstIndex { $0.bindings[side].column == name }
                }
                return columns.isEmpty || found.count < columns.count ? nil : Set(found)
            }
        }
        let right = keys(.right)
        return keys(.left).filter(right.contains).map { $0.sorted() }.filter { key in
            key.count > 1 || fields[key[0]].field.type != .int || KeyNames.soundsLikeKey(name(key[0]))
        }
    }

    /// Fields that may be a key, the likeliest first.
    private func singleFields() -> [Int] {
        let usable = fields.indices.filter { index in
            switch fields[index].field.type {
            case .text, .uuid, .int, .decimal, .date, .timestamp, .timestampWithZone, .any: true
            case .bool, .double, .bytes, .time, .interval, .json, .list, .geometry, .blob: false
            }
        }
        func rank(_ index: Int) -> Int {
            let isWord = fields[index].field.type == .text || fields[index].field.type == .uuid
            return (KeyNames.soundsLikeKey(name(index)) ? 0 : 2) + (isWord ? 0 : 1)
        }
        return usable.sorted { (rank($0), $0) < (rank($1), $1) }
    }

    private func name(_ index: Int) -> String { fields[index].field.name }

    // MARK: Looking at the values

    /// The first candidate that is unique and never null on both sides, and whose values meet.
    private func best(of candidates: [[Int]], _ counts: Sides<Int>, isDeclared: Bool) async throws -> Finding?
    {
        guard !candidates.isEmpty else { return nil }
        let left = try await scan(candidates, .left)
        let right = try await scan(
            candidates.indices.map { left.keys[$0] == nil ? [] : candidates[$0] }, .right)
        let smaller = min(counts.left, counts.right)
        for (index, candidate) in candidates.enumerated() {
            guard let a = left.keys[index], let b = right.keys[index] else { continue }
            let names = candidate.map(name)
            let what = names.joined(separator: " and ")
            let unique = candidate.count == 1 ? "\(what) is unique" : "\(what) together are unique"
            let declared = isDeclared ? ", and declared so" : ""
            if smaller == 0 {
                // Without values to compare only a key by declaration or by name is believed.
                guard isDeclared || candidate.allSatisfy({ KeyNames.soundsLikeKey(name($0)) }) else {
                    continue
                }
                return (.fields(names), "\(unique) on both sides\(declared); one side is empty still")
            }
            let shared = a.count < b.count ? a.count { b.contains($0) } : b.count { a.contains($0) }
            guard Double(shared) >= Self.leastOverlap * Double(smaller) else { continue }
            return (
                .fields(names),
                "\(unique) on both sides\(declared); \(shared) of \(counts.left) "
                    + "and \(counts.right) records meet"
            )
        }
        return nil
    }

    private struct Scan {
        var count = 0
        /// The values of each candidate; nil for one that is null or repeated somewhere, or was not asked
        /// for.
        var keys: [Set<UInt64>?]
    }

    private func scan(_ candidates: [[Int]], _ side: Side) async throws -> Scan {
        var scan = Scan(keys: candidates.map { $0.isEmpty ? nil : [] })
        let cursor = try await snapshot(side, identity: nil)
        let null = PackedRecord([Value.null]).bytes
        while let batch = try await cursor.next() {
            scan.count += batch.count
            guard scan.keys.contains(where: { $0 != nil }) else { continue }
            for record in batch.records() {
                let slices = try record.fields.slices()
                for (index, candidate) in candidates.enumerated() where scan.keys[index] != nil {
                    let parts = candidate.map { slices[$0] }
                    let isNew =
                        !parts.contains { $0.elementsEqual(null) }
                        && scan.keys[index]?.insert(Digest(of: Array(parts.joined())).low).inserted == true
                    if !isNew { scan.keys[index] = nil }
                }
            }
        }
        return scan
    }

    /// Ids are the key when records under the same id are equal.
    private func byID(_ counts: Sides<Int>) async throws -> Finding? {
        let smaller = min(counts.left, counts.right)
        guard smaller > 0, Side.allCases.allSatisfy({ pair.descriptions[$0].idColumn != nil }) else {
            return nil
        }
        var left: [RecordKey: Digest] = [:]
        let cursor = try await snapshot(.left, identity: .id)
        while let batch = try await cursor.next() {
            for record in batch.records() { left[record.key] = record.fields.digest }
        }
        var equal = 0
        let other = try await snapshot(.right, identity: .id)
        while let batch = try await other.next() {
            for record in batch.records() where left[record.key] == record.fields.digest { equal += 1 }
        }
        guard Double(equal) >= Self.leastOverlap * Double(smaller) else { return nil }
        return (
            .id,
            "no field is a key, but both sides use the same ids: \(equal) of \(counts.left) "
                + "and \(counts.right) records under one id are equal"
        )
    }

    private func snapshot(_ side: Side, identity: Identity?) async throws -> any RecordCursor {
        func view(_ identity: Identity) -> TableView {
            let schema = TableSchema(pair.name, fields: fields.map(\.field), identity: identity)
            return TableView(
                schema: schema, table: pair.descriptions[side].name, columns: fields.map { $0.bindings[side] }
            )
        }
        do {
            return try await observations[side].snapshot(of: view(identity ?? .content))
        } catch let error as ReplicaError where error.kind == .unsuitable && identity == nil {
            // A table without row ids has a primary key; where that is not mapped, any field does to look at all records.
            let key = pair.descriptions[side].primaryKey.compactMap { column in
                fields.first { $0.bindings[side].column == column }?.field.name
            }
            guard let any = fields.first?.field.name else { throw error }
            return try await observations[side].snapshot(of: view(.match(key.isEmpty ? [any] : key)))
        }
    }
}
