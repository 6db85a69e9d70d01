/// The binary form of plan entries, in which a run spools what it has planned. Never leaves the process.
extension PlanEntry {
    /// Appends this entry.
    public func encode(to writer: inout ByteWriter) {
        writer.put(counted: table.utf8)
        writer.put(counted: key.bytes)
        writer.put(optional: base) { writer, base in
            writer.put(counted: base.left.bytes)
            writer.put(counted: base.rest)
        }
        for side in Side.allCases { writer.put(optional: seen[side]) { $0.put($1) } }
        decision.encode(to: &writer)
    }

    /// Reads an entry back.
    /// - Throws: ``PackingError`` when the bytes are damaged.
    public init(from reader: inout ByteReader) throws {
        table = try reader.string()
        let key = RecordKey(bytes: Array(try reader.counted()))
        self.key = key
        base = try reader.optional { reader in
            try BaseRecord(key: key, left: Array(try reader.counted()), rest: Array(try reader.counted()))
        }
        seen = Sides(
            left: try reader.optional { try $0.record() }, right: try reader.optional { try $0.record() })
        decision = try Decision(from: &reader)
    }
}

extension Decision {
    fileprivate func encode(to writer: inout ByteWriter) {
        switch self {
        case .unchanged: writer.put(byte: 0)
        case .agree: writer.put(byte: 1)
        case .write(let writes, let decided):
            writer.put(byte: 2)
            for side in Side.allCases { writer.put(optional: writes[side]) { $1.encode(to: &$0) } }
            writer.put(integer: UInt32(decided.count))
            for decided in decided {
                writer.put(optional: decided.field) { $0.put(counted: $1.utf8) }
                writer.put(optional: decided.winner) { $0.put($1) }
                writer.put(counted: decided.by.rawValue.utf8)
            }
        case .conflict(let conflict):
            writer.put(byte: 3)
            conflict.encode(to: &writer)
        case .keep(let reason):
            writer.put(byte: 4)
            writer.put(counted: reason.rawValue.utf8)
        case .refuse(let refusal):
            writer.put(byte: 5)
            refusal.encode(to: &writer)
        }
    }

    fileprivate init(from reader: inout ByteReader) throws {
        switch try reader.byte() {
        case 0: self = .unchanged
        case 1: self = .agree
        case 2:
            let writes = Sides(
                left: try reader.optional { try Write(from: &$0) },
                right: try reader.optional { try Write(from: &$0) })
            let count: UInt32 = try reader.integer()
            var decided: [Decided] = []
            for _ in 0..<count {
                let field = try reader.optional { try $0.string() }
                let winner = try reader.optional { try $0.side() }
                guard let authority = Decided.Authority(rawValue: try reader.string()) else {
                    throw PackingError("an unknown authority")
                }
                decided.append(Decided(field: field, winner: winner, by: authority))
            }
            self = .write(writes, decided: decided)
        case 3: self = .conflict(try Conflict(from: &reader))
        case 4:
            guard let reason = KeepReason(rawValue: try reader.string()) else {
                throw PackingError("a reason")
            }
            self = .keep(reason)
        case 5: self = .refuse(try Refusal(from: &reader))
        default: throw PackingError("an unknown decision")
        }
    }
}

extension Write {
    fileprivate func encode(to writer: inout ByteWriter) {
        switch self {
        case .insert(let record):
            writer.put(byte: 0)
            writer.put(counted: record.bytes)
        case .update(let record, let fields):
            writer.put(byte: 1)
            writer.put(counted: record.bytes)
            writer.put(integer: UInt32(fields.count))
            for field in fields { writer.put(integer: UInt32(field)) }
        case .delete: writer.put(byte: 2)
        }
    }

    fileprivate init(from reader: inout ByteReader) throws {
        switch try reader.byte() {
        case 0: self = .insert(PackedRecord(bytes: Array(try reader.counted())))
        case 1:
            let record = PackedRecord(bytes: Array(try reader.counted()))
            let count: UInt32 = try reader.integer()
            var fields: [Int] = []
            for _ in 0..<count { fields.append(Int(try reader.integer(UInt32.self))) }
            self = .update(record, fields: fields)
        case 2: self = .delete
        default: throw PackingError("an unknown write")
        }
    }
}

extension Conflict {
    /// Appends this conflict; state stores keep conflicts in this form.
    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .fields(let fields):
            writer.put(byte: 0)
            writer.put(integer: UInt32(fields.count))
            for field in fields {
                writer.put(counted: field.field.utf8)
                writer.put(optional: field.base) { $0.put($1) }
                writer.put(field.left)
                writer.put(field.right)
                writer.put(counted: field.cause.rawValue.utf8)
            }
        case .deletedAgainstChanged(let side):
            writer.put(byte: 1)
            writer.put(side)
        case .deleteAsks(let side):
            writer.put(byte: 2)
            writer.put(side)
        }
    }

    /// Reads a conflict back.
    /// - Throws: ``PackingError`` when the bytes are damaged.
    public init(from reader: inout ByteReader) throws {
        switch try reader.byte() {
        case 0:
            let count: UInt32 = try reader.integer()
            var fields: [FieldConflict] = []
            for _ in 0..<count {
                let name = try reader.string()
                let base = try reader.optional { try $0.value() }
                let left = try reader.value()
                let right = try reader.value()
                guard let cause = FieldConflict.Cause(rawValue: try reader.string()) else {
                    throw PackingError("an unknown cause")
                }
                fields.append(FieldConflict(field: name, base: base, left: left, right: right, cause: cause))
            }
            self = .fields(fields)
        case 1: self = .deletedAgainstChanged(deleted: try reader.side())
        case 2: self = .deleteAsks(deleted: try reader.side())
        default: throw PackingError("an unknown conflict")
        }
    }
}

extension Refusal {
    fileprivate func encode(to writer: inout ByteWriter) {
        switch self {
        case .duplicateKey(let side):
            writer.put(byte: 0)
            writer.put(side)
        case .nullKey(let side):
            writer.put(byte: 1)
            writer.put(side)
        case .invalidText(let side, let field):
            writer.put(byte: 2)
            writer.put(side)
            writer.put(counted: field.utf8)
        case .rejectedBefore(let side, let reason):
            writer.put(byte: 3)
            writer.put(side)
            writer.put(counted: reason.utf8)
        case .heldBack(let parent):
            writer.put(byte: 4)
            writer.put(counted: parent.utf8)
        case .changedSince(let side):
            writer.put(byte: 5)
            writer.put(side)
        }
    }

    fileprivate init(from reader: inout ByteReader) throws {
        switch try reader.byte() {
        case 0: self = .duplicateKey(try reader.side())
        case 1: self = .nullKey(try reader.side())
        case 2: self = .invalidText(try reader.side(), field: try reader.string())
        case 3: self = .rejectedBefore(try reader.side(), reason: try reader.string())
        case 4: self = .heldBack(parent: try reader.string())
        case 5: self = .changedSince(try reader.side())
        default: throw PackingError("an unknown refusal")
        }
    }
}

extension ByteWriter {
    mutating func put(_ side: Side) { put(byte: side == .left ? 0 : 1) }

    mutating func put(_ record: Record) {
        put(counted: record.key.bytes)
        put(counted: record.locator)
        put(counted: record.fields.bytes)
    }

    mutating func put<T>(optional value: T?, _ encode: (inout ByteWriter, T) -> Void) {
        guard let value else { return put(byte: 0) }
        put(byte: 1)
        encode(&self, value)
    }
}

extension ByteReader {
    mutating func side() throws -> Side { try byte() == 0 ? .left : .right }

    mutating func string() throws -> String { String(decoding: try counted(), as: UTF8.self) }

    mutating func record() throws -> Record {
        Record(
            key: RecordKey(bytes: Array(try counted())), locator: Array(try counted()),
            fields: PackedRecord(bytes: Array(try counted())))
    }

    mutating func optional<T>(_ decode: (inout ByteReader) throws -> T) throws -> T? {
        try byte() == 0 ? nil : try decode(&self)
    }
}
