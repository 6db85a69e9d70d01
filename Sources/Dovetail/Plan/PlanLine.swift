/// A plan entry as saved plans and `--json` show it. Version 1; fields are only ever added.
public struct PlanLine: Sendable, Codable {
    /// What is done to one side's record.
    public struct SideWrite: Sendable, Codable {
        /// `insert`, `update` or `delete`.
        public var verb: String
        /// The fields that change, from what to what; all of them for an insert or a delete.
        public var fields: [FieldChange]
    }

    public struct FieldChange: Sendable, Codable {
        public var field: String
        /// Absent for an insert.
        public var old: Value?
        /// Absent for a delete.
        public var new: Value?
    }

    /// A record as it was seen.
    public struct SeenRecord: Sendable, Codable {
        /// How that side itself identifies the record.
        public var key: [Value]
        /// 128-bit digest of its fields: applying refuses a record that is no longer so.
        public var digest: String
    }

    public struct FieldConflictLine: Sendable, Codable {
        public var field: String
        public var base: Value?
        public var left: Value
        public var right: Value
        public var cause: FieldConflict.Cause
    }

    public struct DecidedLine: Sendable, Codable {
        public var field: String?
        public var winner: Side?
        public var by: Decided.Authority
    }

    public var table: String
    public var key: [Value]
    /// `write`, `conflict`, `keep` or `refuse`.
    public var decision: String
    public var left: SideWrite?
    public var right: SideWrite?
    public var seenLeft: SeenRecord?
    public var seenRight: SeenRecord?
    /// Values that a rule or a person decided.
    public var decided: [DecidedLine]?
    /// The fields in conflict.
    public var conflict: [FieldConflictLine]?
    /// Why it is a conflict, kept or refused.
    public var reason: String?

    /// - Throws: ``PackingError`` when a record is damaged.
    public init(_ entry: PlanEntry, schema: TableSchema, labels: Sides<String>) throws {
        table = entry.table
        key = try entry.key.values()
        decision = "write"
        seenLeft = try entry.seen.left.map(Self.seen)
        seenRight = try entry.seen.right.map(Self.seen)
        switch entry.decision {
        case .write(let writes, let decided):
            left = try writes.left.map { try Self.write($0, on: entry.seen.left, schema) }
            right = try writes.right.map { try Self.write($0, on: entry.seen.right, schema) }
            if !decided.isEmpty {
                self.decided = decided.map { DecidedLine(field: $0.field, winner: $0.winner, by: $0.by) }
            }
        case .conflict(let conflict):
            decision = "conflict"
            reason = conflict.reason(labels: labels)
            if case .fields(let fields) = conflict {
                self.conflict = fields.map {
                    FieldConflictLine(
                        field: $0.field, base: $0.base, left: $0.left, right: $0.right, cause: $0.cause)
                }
            }
        case .keep(let why):
            decision = "keep"
            reason = why.rawValue
        case .refuse(let refusal):
            decision = "refuse"
            reason = refusal.reason(labels: labels)
        case .agree: decision = "agree"
        case .unchanged: decision = "unchanged"
        }
    }

    private static func seen(_ record: Record) throws -> SeenRecord {
        SeenRecord(key: try record.key.values(), digest: record.fields.digest.hex)
    }

    private static func write(_ write: Write, on record: Record?, _ schema: TableSchema) throws -> SideWrite {
        let old = try record?.fields.values()
        let new = try write.result?.values()
        let positions: [Int] =
            switch write {
            case .update(_, let fields): fields
            case .insert, .delete: Array(schema.fields.indices)
            }
        return SideWrite(
            verb: write.verb,
            fields: positions.filter { schema.fields.indices.contains($0) }.map { index in
                FieldChange(
                    field: schema.fields[index].name, old: old.map { $0[index] }, new: new.map { $0[index] })
            })
    }

    /// The entry this line stands for, on records as they are now. Nil when the line writes nothing.
    ///
    /// The records must be those that were seen: where a digest differs, the entry refuses them.
    /// - Throws: ``PlanLineError`` when the line does not fit the table.
    public func entry(schema: TableSchema, base: BaseRecord?, now: Sides<Record?>) throws -> PlanEntry? {
        guard decision == "write" else { return nil }
        var entry = PlanEntry(table: table, key: RecordKey(key), base: base, seen: now, decision: .unchanged)
        for side in Side.allCases {
            let seen = side == .left ? seenLeft : seenRight
            if seen?.digest != now[side]?.fields.digest.hex {
                entry.decision = .refuse(.changedSince(side))
                return entry
            }
        }
        entry.decision = .write(
            Sides(
                left: try left.map { try Self.rebuilt($0, on: now.left, schema) },
                right: try right.map { try Self.rebuilt($0, on: now.right, schema) }),
            decided: (decided ?? []).map { Decided(field: $0.field, winner: $0.winner, by: $0.by) })
        return entry
    }

    private static func rebuilt(_ line: SideWrite, on record: Record?, _ schema: TableSchema) throws -> Write
    {
        if line.verb == "delete" { return .delete }
        var values = try record?.fields.values() ?? schema.fields.map { _ in Value.null }
        var positions: [Int] = []
        for change in line.fields {
            guard let index = schema.index(of: change.field), let new = change.new ?? Optional(.null) else {
                throw PlanLineError(description: "the table has no field \(change.field)")
            }
            values[index] = new
            positions.append(index)
        }
        switch line.verb {
        case "insert": return .insert(PackedRecord(values))
        case "update": return .update(PackedRecord(values), fields: positions.sorted())
        default: throw PlanLineError(description: "“\(line.verb)” is no insert, update or delete")
        }
    }
}

/// A line of a saved plan that does not fit the table it is for.
public struct PlanLineError: Error, Sendable, CustomStringConvertible {
    public let description: String
}
