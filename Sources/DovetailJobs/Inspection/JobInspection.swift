public import Dovetail
public import DovetailEngine

/// What `dovetail check` finds: how the sides fit, how many records there are, and what could not be
/// carried over.
///
/// Both sides are read completely, and nothing is written.
public struct JobInspection: Sendable {
    /// What was found, table by table.
    public var tables: [Table]
    /// Whether a side carries the mark of an earlier run of this job.
    public var marked: Sides<Bool>

    /// One table.
    public struct Table: Sendable {
        /// The name in output.
        public var name: String
        /// What each side calls it.
        public var tables: Sides<String>
        /// How its records find each other.
        public var identity: Identity
        /// The fields that take part.
        public var fields: [Field]
        /// The number of records.
        public var counts: Sides<Int>
        /// Records whose key another record of the same side has too.
        public var duplicated: Sides<Int>
        /// Records with a null in the key.
        public var withoutKey: Sides<Int>
        /// Whether a change feed is in place; nil where none is asked for.
        public var feeds: Sides<Bool?>
        /// Values that would not arrive as they are.
        public var losses: [Loss]
        /// How the types of columns were told on sides that declare none.
        public var types: Sides<[ColumnDescription]>
    }

    /// Values of one field and side that are not of the field's type.
    public struct Loss: Sendable {
        /// The field.
        public var field: String
        /// The side that holds the values.
        public var side: Side
        /// How many there are.
        public var count: Int
        /// The field's type, in words.
        public var type: String
        /// The key of the first one.
        public var key: RecordKey
        /// The first one; nil when it is text that is not valid UTF-8.
        public var example: Value?
    }

    /// Whether every record can be carried over.
    public var isClean: Bool {
        tables.allSatisfy { table in
            table.losses.isEmpty
                && Side.allCases.allSatisfy { table.duplicated[$0] + table.withoutKey[$0] == 0 }
        }
    }

    /// Looks at both sides of a job.
    /// - Throws: `ReplicaError`.
    public init(of loaded: LoadedJob) async throws {
        let job = loaded.job
        var looks = Sides<SideInspection?>(left: nil, right: nil)
        for side in Side.allCases {
            let observation = try await job.replicas[side].observe()
            do {
                looks[side] = try await SideInspection(loaded, side, observation)
                await observation.finish()
            } catch {
                await observation.finish()
                throw error
            }
        }
        marked = Sides(left: looks.left?.isMarked ?? false, right: looks.right?.isMarked ?? false)
        tables = job.tables.map { table in
            let name = table.schema.name
            let found = Sides(left: looks.left?.tables[name], right: looks.right?.tables[name])
            return Table(
                name: name, tables: table.views.map(\.table), identity: table.schema.identity,
                fields: table.schema.fields, counts: found.map { $0?.count ?? 0 },
                duplicated: found.map { $0?.duplicated ?? 0 }, withoutKey: found.map { $0?.withoutKey ?? 0 },
                feeds: found.map { $0?.hasFeed },
                losses: (found.left?.losses ?? []) + (found.right?.losses ?? []),
                types: Sides(
                    left: Self.types(of: table, .left, loaded), right: Self.types(of: table, .right, loaded)))
        }
    }
}

extension JobInspection {
    /// The columns that take part, of which the store does not say the type.
    private static func types(of table: JobTable, _ side: Side, _ loaded: LoadedJob) -> [ColumnDescription] {
        let description = loaded.descriptions[side].first { $0.name == table.views[side].table }
        return table.views[side].columns.compactMap { description?.column($0.column) }.filter {
            $0.typeReason != nil
        }
    }
}

/// What one side of a job looks like.
private struct SideInspection {
    struct Found {
        var count = 0
        var duplicated = 0
        var withoutKey = 0
        var hasFeed: Bool?
        var losses: [JobInspection.Loss] = []
    }

    var isMarked: Bool
    var tables: [String: Found] = [:]

    init(_ loaded: LoadedJob, _ side: Side, _ observation: any Observation) async throws {
        let job = loaded.job
        isMarked = try await observation.identity(job: job.name).marks.contains { $0.side == side }
        for table in job.tables {
            var found = Found()
            if table.views[side].wantsChangeFeed {
                found.hasFeed = try await observation.feedPosition(of: table.views[side]) != nil
            }
            let receiver = loaded.descriptions[side.other].first { $0.name == table.views[side.other].table }
            // What has its type from its values alone holds any geometry.
            let isOpen = table.views[side.other].columns.map {
                receiver?.column($0.column)?.typeReason != nil
            }
            try await Self.read(table, side, observation, isOpen: isOpen, into: &found)
            tables[table.schema.name] = found
        }
    }

    /// Whether a geometry that is not of the field's kind can be held on the other side all the same.
    private static func arrives(
        _ value: Value, _ field: Field, _ index: Int, _ isOpen: [Bool], _ table: JobTable, _ side: Side
    ) -> Bool {
        guard case .geometry(let geometry) = value, case .geometry(let kind) = field.type,
            geometry.srid == kind.srid
        else { return false }
        if isOpen[index] { return true }
        // A layer of multi geometries holds them as well as the single ones that the field is of.
        guard table.views[side.other].columns[index].conversion == .multi else { return false }
        let multi = GeometryKind(type: "MULTI" + kind.type, srid: kind.srid, hasZ: kind.hasZ, hasM: kind.hasM)
        return FieldType.geometry(multi).fits(value)
    }

    private static func read(
        _ table: JobTable, _ side: Side, _ observation: any Observation, isOpen: [Bool],
        into found: inout Found
    ) async throws {
        let cursor = try await observation.snapshot(of: table.views[side])
        let schema = table.schema
        // What a side only receives is not carried over.
        let isRead = table.rules.direction.source.map { $0 == side } ?? true
        var losses: [Int: JobInspection.Loss] = [:]
        var last: RecordKey?
        while let batch = try await cursor.next() {
            for record in batch.records() {
                found.count += 1
                if record.key == last { found.duplicated += 1 }
                if record.key.hasNull { found.withoutKey += 1 }
                last = record.key
                guard isRead else { continue }
                for (index, field) in schema.fields.enumerated() {
                    let value = try? record.fields.value(at: index)
                    if let value, field.type.fits(value) { continue }
                    if let value, Self.arrives(value, field, index, isOpen, table, side) { continue }
                    losses[
                        index,
                        default: .init(
                            field: field.name, side: side, count: 0, type: field.type.name, key: record.key,
                            example: value)
                    ].count += 1
                }
            }
        }
        found.losses = losses.sorted { $0.key < $1.key }.map(\.value)
    }
}

extension FieldType {
    /// Whether a value is one of this type, so that a store that keeps types can hold it.
    func fits(_ value: Value) -> Bool {
        switch (self, value) {
        case (_, .null), (.any, _), (.bool, .bool), (.int, .int), (.double, .double), (.decimal, .decimal),
            (.text, .text), (.bytes, .bytes), (.date, .date), (.time, .time), (.timestamp, .timestamp),
            (.timestampWithZone, .timestampWithZone), (.interval, .interval), (.uuid, .uuid), (.json, .json),
            (.blob, .blob):
            return true
        case (.list(let element), .list(let values)): return values.allSatisfy(element.fits)
        case (.geometry(let kind), .geometry(let geometry)):
            guard geometry.srid == kind.srid else { return false }
            let words = (geometry.wkb.withUnsafeBytes { WKB.typeName($0) } ?? "").split(separator: " ")
            guard let name = words.first else { return false }
            let dimensions = words.dropFirst().joined()
            guard kind.hasZ || !dimensions.contains("Z"), kind.hasM || !dimensions.contains("M") else {
                return false
            }
            // Types such as CURVE stand for several others.
            return name == kind.type
                || ["GEOMETRY", "CURVE", "SURFACE", "GEOMETRYCOLLECTION"].contains(kind.type)
        default: return false
        }
    }
}
