public import Dovetail
public import Foundation

/// A saved plan that can't be used.
public struct PlanFileError: Error, Sendable, CustomStringConvertible {
    public let description: String
}

/// A plan as one JSON document, an entry a line, so that it can be written and read as a stream.
///
/// ```json
/// {"dovetail":"plan","version":1,"job":"benches", … ,"entries":[
/// {"table":"benches","key":["4f2…"],"decision":"write", … },
/// …
/// ],"checksum":"…"}
/// ```
/// The checksum chains the digests of all lines: a plan that was edited or cut is refused.
public enum PlanFile {
    public static let version = 1

    /// What stands before the entries.
    public struct Header: Sendable, Codable {
        public var dovetail: String
        public var version: Int
        public var job: String
        public var left: String
        public var right: String
        public var counts: [String: PlanCounts]
        /// What a sync would stop at.
        public var halts: [String]
        /// Why the sides meet as for the first time.
        public var meetsAnew: String?
    }

    /// Writes a plan through `put`, line by line.
    /// - Throws: ``SpoolError``, ``PackingError``, and what `put` throws.
    public static func write(_ plan: Plan, to put: (Data) throws -> Void) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var checksum = Checksum()
        func line(_ data: Data) throws {
            checksum.add(data)
            try put(data + Data("\n".utf8))
        }
        let header = Header(
            dovetail: "plan", version: version, job: plan.job, left: plan.labels.left,
            right: plan.labels.right,
            counts: plan.counts, halts: plan.halts.map { $0.message(labels: plan.labels) },
            meetsAnew: plan.meetsAnew)
        try line(try encoder.encode(header).dropLast() + Data(",\"entries\":[".utf8))
        var pending: Data?
        for table in plan.tableNames {
            guard let schema = plan.schema(of: table), var reader = try plan.entries(of: table) else {
                continue
            }
            while let entry = try reader.next() {
                // What both sides agree on already is counted, not listed.
                if entry.decision == .agree { continue }
                if let pending { try line(pending + Data(",".utf8)) }
                pending = try encoder.encode(try PlanLine(entry, schema: schema, labels: plan.labels))
            }
        }
        if let pending { try line(pending) }
        try put(Data("],\"checksum\":\"\(checksum.hex)\"}\n".utf8))
    }

    /// Reads a saved plan, after its checksum proved that it is whole.
    /// - Throws: ``PlanFileError``.
    public static func read(_ url: URL, entry receive: (PlanLine) throws -> Void) throws -> Header {
        let header = try check(url)
        var lines = try LineReader(url)
        _ = try lines.next()
        let decoder = JSONDecoder()
        while let line = try lines.next() {
            if line.starts(with: Data("],".utf8)) { break }
            let body = line.last == UInt8(ascii: ",") ? line.dropLast() : line
            do {
                try receive(try decoder.decode(PlanLine.self, from: body))
            } catch let error as DecodingError {
                throw PlanFileError(description: "\(url.path): an entry can't be read: \(error)")
            }
        }
        return header
    }

    private static func check(_ url: URL) throws -> Header {
        var lines = try LineReader(url)
        guard let first = try lines.next(), first.ends(with: Data(",\"entries\":[".utf8)),
            let header = try? JSONDecoder().decode(
                Header.self, from: first.dropLast(",\"entries\":[".utf8.count) + Data("}".utf8)),
            header.dovetail == "plan"
        else { throw PlanFileError(description: "\(url.path) is no plan of dovetail plan --out") }
        guard header.version == version else {
            throw PlanFileError(
                description:
                    "\(url.path) is a plan of version \(header.version); this Dovetail reads version \(version)"
            )
        }
        var checksum = Checksum()
        checksum.add(first)
        while let line = try lines.next() {
            if line.starts(with: Data("],\"checksum\":".utf8)) {
                guard line == Data("],\"checksum\":\"\(checksum.hex)\"}".utf8) else {
                    throw PlanFileError(
                        description: "\(url.path) was changed after it was made; make a new plan")
                }
                return header
            }
            checksum.add(line)
        }
        throw PlanFileError(description: "\(url.path) ends too early; make a new plan")
    }

    /// Digests of lines, chained.
    private struct Checksum {
        private(set) var hex = ""
        mutating func add(_ line: Data) {
            hex = Digest(of: Array(hex.utf8) + Array(line)).hex
        }
    }

    /// Reads a file line by line.
    private struct LineReader {
        private let handle: FileHandle
        private let path: String
        private var buffer = Data()
        private var atEnd = false

        init(_ url: URL) throws {
            path = url.path
            do {
                handle = try FileHandle(forReadingFrom: url)
            } catch {
                throw PlanFileError(description: "\(url.path) can't be read: \(error.localizedDescription)")
            }
        }

        mutating func next() throws -> Data? {
            while true {
                if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = Data(buffer[buffer.startIndex..<end])
                    buffer = buffer[(end + 1)...]
                    return line
                }
                guard !atEnd else {
                    defer { buffer = Data() }
                    return buffer.isEmpty ? nil : buffer
                }
                guard let more = try handle.read(upToCount: 1 << 18), !more.isEmpty else {
                    atEnd = true
                    continue
                }
                buffer = Data(buffer) + more
            }
        }
    }
}

extension Data {
    fileprivate func ends(with suffix: Data) -> Bool {
        count >= suffix.count && self.suffix(suffix.count) == suffix
    }
}

extension Plan {
    /// Saves the plan, for ``Synchronizer/apply(planAt:allowing:)`` and the command's `apply`. Only its owner may read the file:
    /// it holds the records' values.
    /// - Throws: ``PlanFileError`` when the file can't be written; ``SpoolError``, ``PackingError``.
    public func save(to url: URL) throws {
        let failure = PlanFileError(
            description: "\(url.path) can't be written; choose another place for the plan")
        // What is cut short never stands under its name.
        let part = url.path + ".part"
        guard
            FileManager.default.createFile(
                atPath: part, contents: nil, attributes: [.posixPermissions: 0o600]),
            let file = FileHandle(forWritingAtPath: part)
        else { throw failure }
        do {
            try PlanFile.write(self) { try file.write(contentsOf: $0) }
            try file.close()
            guard rename(part, url.path) == 0 else { throw failure }
        } catch {
            try? FileManager.default.removeItem(atPath: part)
            throw error
        }
    }
}

extension Synchronizer {
    /// Applies a saved plan, refusing records that changed since it was made.
    /// - Throws: ``PlanFileError``, ``RunHalted``, ``ReplicaError``, ``StateError``.
    public func apply(planAt url: URL, allowing: Set<Allowance> = []) async throws -> RunResult {
        try await locked {
            events(.started(kind: RunKind.apply.rawValue))
            let plan = try await planned(from: url)
            try check(plan.halts, allowing)
            let result = try await carryOut(plan, kind: .apply)
            events(.finished(status: result.status))
            return result
        }
    }

    private func planned(from url: URL) async throws -> Plan {
        let lines = Lines()
        let header = try PlanFile.read(url) { lines.byTable[$0.table, default: []].append($0) }
        guard header.job == job.name else {
            throw PlanFileError(
                description: "\(url.path) is a plan of the job \(header.job), not of \(job.name)")
        }
        let vanished = job.vanished.filter { lines.byTable[$0.table] != nil }
        guard vanished.isEmpty else {
            throw RunHalted(
                halts: vanished.map { .tableVanished(table: $0.table, side: $0.side) }, labels: job.labels)
        }
        if let unknown = lines.byTable.keys.sorted().first(where: { job.table($0) == nil }) {
            throw PlanFileError(
                description: "\(url.path) names the table \(unknown), which the job does not have")
        }
        let stored = try await state.load()
        for table in job.tables where lines.byTable[table.schema.name] != nil {
            guard let old = stored.layouts[table.schema.name], !table.layout.hasSameMapping(as: old) else {
                continue
            }
            let differences = table.layout.differences(from: old).joined(separator: "; ")
            throw PlanFileError(
                description: "what is compared in \(table.schema.name) has changed since the last run"
                    + " (\(differences)); sync first, and make a new plan")
        }
        return try await looking { observations in
            let identities = try await identities(observations)
            let recognition = Recognition(stored, identities, labels: job.labels)
            // A stamp would make strangers look like sides that this memory knows: only a sync may let them meet.
            if let reason = recognition.meetsAnew {
                throw PlanFileError(description: "\(reason); sync first, and make a new plan")
            }
            var halts = recognition.halts
            var tables: [PlannedTable] = []
            for table in job.tables {
                guard let lines = lines.byTable[table.schema.name] else { continue }
                let planned = try await planned(lines, table, stored, observations)
                halts += job.limits.check(table.schema.name, planned.counts, baseCount: planned.baseCount)
                halts += try await emptied(planned, observations)
                tables.append(planned)
            }
            halts += job.limits.check(
                total: tables.reduce(0) { $0 + $1.counts.left.total + $1.counts.right.total })
            return Plan(
                job: job.name, labels: job.labels, tables: tables, halts: halts, stored: stored,
                identities: identities, meetsAnew: nil)
        }
    }

    private func planned(
        _ lines: [PlanLine], _ table: JobTable, _ stored: JobState, _ observations: Sides<any Observation>
    ) async throws -> PlannedTable {
        let name = table.schema.name
        var planned = PlannedTable(
            table: table, spool: PlanSpool(), counts: PlanCounts(),
            baseCount: try await state.baseCount(of: name),
            cursors: stored.cursors[name] ?? Sides(left: nil, right: nil), waitedFor: [], relayout: nil,
            forgetsBase: false)
        // A write that may have arrived already is none to send from a file: the next sync knows how to heal it.
        let sent = Set(try await state.openIntents(of: name).map(\.key))
        let links = try await leftIDs(of: table)
        let freed = try await freedLinks(of: table, observations)
        planned.freed = freed.values.sorted { $0.was < $1.was }
        for start in stride(from: 0, to: lines.count, by: 2000) {
            let chunk = lines[start..<min(start + 2000, lines.count)]
            let base = try await state.base(
                of: name, keys: chunk.map { linkedKey($0, links) })
            let known = Dictionary(base.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
            /// The base that the line's record has now, under whatever name.
            func link(of line: PlanLine) -> BaseRecord? {
                known[linkedKey(line, links)]
            }
            /// How a side itself calls the line's record. One that was not seen may have been linked since.
            func own(_ side: Side, _ line: PlanLine) -> RecordKey? {
                if let seen = side == .left ? line.seenLeft : line.seenRight { return RecordKey(seen.key) }
                guard table.schema.identity == .content, let base = link(of: line) else {
                    return RecordKey(line.key)
                }
                return base.linkedKey(side)
            }
            var now = Sides<[RecordKey: Record]>(left: [:], right: [:])
            for side in Side.allCases {
                let references = chunk.compactMap { own(side, $0).map { RecordReference(key: $0) } }
                let found = try await observations[side].read(references, of: table.views[side])
                now[side] = Dictionary(found.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
            }
            for line in chunk {
                let records = Sides(
                    left: own(.left, line).flatMap { now.left[$0] },
                    right: own(.right, line).flatMap { now.right[$0] })
                guard var entry = try line.entry(schema: table.schema, base: link(of: line), now: records)
                else { continue }
                // Under the name that its link has now, so that no second link is left under another.
                if let link = link(of: line) { entry.key = link.key }
                // With no base nothing is deleted: the agreement that a delete rests on may have been lost since.
                let isBaseless = entry.deletes && link(of: line) == nil
                if isBaseless || sent.contains(entry.key)
                    || isLinkedOtherwise(line, link(of: line), links, table)
                {
                    entry.decision = .refuse(.changedSince(entry.write(on: .left) == nil ? .right : .left))
                }
                if let link = freed[entry.key] {
                    entry.key = link.base.key
                    entry.base = link.base
                }
                entry.decision =
                    try table.rules.guards?.judge(entry.decision, entry.seen.map { $0?.fields })
                    ?? entry.decision
                planned.counts.count(entry.decision)
                try planned.spool.emit(entry)
            }
        }
        return planned
    }

    /// A saved plan and an undo look only at their own records, so whether a side was emptied has to be asked. It
    /// counts even when they delete nothing: what they insert would hide it from the next sync.
    func emptied(_ planned: PlannedTable, _ observations: Sides<any Observation>) async throws -> [Halt] {
        guard job.limits.stopsOnEmptySide, planned.baseCount > 0 else { return [] }
        var halts: [Halt] = []
        for side in Side.allCases {
            if try await observations[side].isEmpty(planned.table.views[side]) {
                halts.append(
                    .sideEmptied(table: planned.table.schema.name, side: side, had: planned.baseCount))
            }
        }
        return halts
    }

    /// The key under which the base knows a line's record now: of one that was only seen on the right, its left id.
    private func linkedKey(_ line: PlanLine, _ links: [RecordKey: RecordKey]) -> RecordKey {
        guard line.seenLeft == nil, let right = line.seenRight else { return RecordKey(line.key) }
        return links[RecordKey(right.key)] ?? RecordKey(line.key)
    }

    /// Whether one of the two records that a line names has been linked with another one since.
    private func isLinkedOtherwise(
        _ line: PlanLine, _ link: BaseRecord?, _ links: [RecordKey: RecordKey], _ table: JobTable
    ) -> Bool {
        guard table.schema.identity == .content, let left = line.seenLeft, let right = line.seenRight
        else { return false }
        if let linked = links[RecordKey(right.key)], linked != RecordKey(left.key) { return true }
        return link.map { $0.key != RecordKey(left.key) || $0.rightLocator != RecordKey(right.key).bytes }
            ?? false
    }

    /// The left ids of linked records, by right ids; none where the sides share a key.
    func leftIDs(of table: JobTable) async throws -> [RecordKey: RecordKey] {
        guard table.schema.identity == .content else { return [:] }
        var links: [RecordKey: RecordKey] = [:]
        let cursor = try await state.base(of: table.schema.name, mirrored: true)
        while let batch = try await cursor.next() {
            for base in try batch.baseRecords() { links[base.key] = RecordKey(bytes: base.rightLocator) }
        }
        return links
    }

    /// Lines of a plan by table. Used by one task.
    private final class Lines {
        var byTable: [String: [PlanLine]] = [:]
    }
}
