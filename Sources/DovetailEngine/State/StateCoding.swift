public import Dovetail

// The binary form in which state stores keep journal entries and conflicts. It is in state files: it only
// ever grows by new leading format bytes.

extension JournalEntry {
    /// Everything but table, side, key and verb, which stores keep in columns of their own. A byte string
    /// that occurs several times (a record seen just as the base has it) is stored once.
    public var stateBytes: [UInt8] {
        var pool = PoolWriter(key: key)
        pool.put(base)
        pool.put(seen.left)
        pool.put(seen.right)
        pool.put(after?.bytes)
        var writer = ByteWriter(reserving: pool.byteCount + 16)
        writer.put(byte: 1)
        pool.finish(into: &writer)
        writer.put(integer: UInt32(decided.count))
        for decided in decided {
            writer.put(optional: decided.field?.utf8)
            writer.put(byte: decided.winner.map { $0 == .left ? 1 : 2 } ?? 0)
            writer.put(counted: decided.by.rawValue.utf8)
        }
        return writer.bytes
    }

    /// Reads what ``stateBytes`` gave.
    /// - Throws: ``PackingError`` or ``StateCodingError`` when the bytes are damaged.
    public init(table: String, side: Side, key: RecordKey, verb: String, stateBytes: [UInt8]) throws {
        var reader = ByteReader(stateBytes)
        try reader.expect(format: 1)
        var pool = try PoolReader(key: key, &reader)
        let base = try pool.base()
        let seen = Sides(left: try pool.record(), right: try pool.record())
        let after = try pool.bytes().map(PackedRecord.init(bytes:))
        var decided: [Decided] = []
        for _ in 0..<(try reader.integer(UInt32.self)) {
            let field = try reader.optionalText()
            let winner: Side? =
                switch try reader.byte() {
                case 0: nil
                case 1: .left
                case 2: .right
                default: throw StateCodingError("a winner")
                }
            guard let authority = Decided.Authority(rawValue: try reader.text()) else {
                throw StateCodingError("an authority")
            }
            decided.append(Decided(field: field, winner: winner, by: authority))
        }
        self.init(
            table: table, side: side, key: key, verb: verb, base: base, seen: seen, after: after,
            decided: decided)
    }
}

extension ConflictRecord {
    /// Conflict, base and both records; table, key, run and resolution are kept beside them.
    public var stateBytes: [UInt8] {
        var pool = PoolWriter(key: key)
        pool.put(base)
        pool.put(seen.left)
        pool.put(seen.right)
        var writer = ByteWriter(reserving: pool.byteCount + 64)
        writer.put(byte: 1)
        pool.finish(into: &writer)
        conflict.encode(to: &writer)
        return writer.bytes
    }

    /// Reads what ``stateBytes`` gave.
    /// - Throws: ``PackingError`` or ``StateCodingError`` when the bytes are damaged.
    public init(
        table: String, key: RecordKey, since: Int64, resolution: Resolution?, stateBytes: [UInt8]
    ) throws {
        var reader = ByteReader(stateBytes)
        try reader.expect(format: 1)
        var pool = try PoolReader(key: key, &reader)
        let base = try pool.base()
        let seen = Sides(left: try pool.record(), right: try pool.record())
        self.init(
            table: table, key: key, conflict: try Conflict(from: &reader), base: base, seen: seen,
            since: since,
            resolution: resolution)
    }
}

extension Resolution {
    public var stateBytes: [UInt8] {
        var writer = ByteWriter()
        writer.put(byte: 1)
        switch choice {
        case .side(let side): writer.put(byte: side == .left ? 1 : 2)
        case .fields(let fields):
            writer.put(byte: 3)
            writer.put(integer: UInt32(fields.count))
            for (name, choice) in fields.sorted(by: { $0.key < $1.key }) {
                writer.put(counted: name.utf8)
                switch choice {
                case .side(let side): writer.put(byte: side == .left ? 1 : 2)
                case .value(let value):
                    writer.put(byte: 3)
                    writer.put(value)
                }
            }
        }
        for side in Side.allCases { writer.put(optional: seen[side]?.hex.utf8) }
        return writer.bytes
    }

    /// Reads what ``stateBytes`` gave.
    /// - Throws: ``PackingError`` or ``StateCodingError`` when the bytes are damaged.
    public init(stateBytes: [UInt8]) throws {
        var reader = ByteReader(stateBytes)
        try reader.expect(format: 1)
        let choice: Choice
        switch try reader.byte() {
        case 1: choice = .side(.left)
        case 2: choice = .side(.right)
        case 3:
            var fields: [String: FieldChoice] = [:]
            for _ in 0..<(try reader.integer(UInt32.self)) {
                let name = try reader.text()
                switch try reader.byte() {
                case 1: fields[name] = .side(.left)
                case 2: fields[name] = .side(.right)
                case 3: fields[name] = .value(try reader.value())
                default: throw StateCodingError("a field's choice")
                }
            }
            choice = .fields(fields)
        default: throw StateCodingError("a choice")
        }
        let left = try reader.optionalText().flatMap { Digest(hex: $0) }
        let right = try reader.optionalText().flatMap { Digest(hex: $0) }
        self.init(choice, seen: Sides(left: left, right: right))
    }
}

/// Bytes of a state store that do not follow the encoding: the store is damaged.
public struct StateCodingError: Error, Sendable, CustomStringConvertible {
    public let description: String
    init(_ what: String) { description = "a stored entry is damaged: \(what)" }
}

/// Byte strings, each distinct one stored once; the entry's key, which is stored elsewhere, is the first.
private struct PoolWriter {
    private static let absent: UInt8 = 0xff
    private var strings: [[UInt8]]
    private var references: [UInt8] = []
    private(set) var byteCount = 0

    init(key: RecordKey) { strings = [key.bytes] }

    mutating func put(_ bytes: [UInt8]?) {
        guard let bytes else { return references.append(Self.absent) }
        if let place = strings.firstIndex(of: bytes) { return references.append(UInt8(place)) }
        // Never more than a dozen: 4 for the base, 3 for each side's record, 1 after the write.
        references.append(UInt8(strings.count))
        strings.append(bytes)
        byteCount += bytes.count + 4
    }

    mutating func put(_ base: BaseRecord?) {
        guard let base else { return put(nil as [UInt8]?) }
        for bytes in [base.key.bytes, base.left.bytes, base.right.bytes, base.leftLocator, base.rightLocator]
        {
            put(bytes)
        }
    }

    mutating func put(_ record: Record?) {
        guard let record else { return put(nil as [UInt8]?) }
        for bytes in [record.key.bytes, record.locator, record.fields.bytes] { put(bytes) }
    }

    func finish(into writer: inout ByteWriter) {
        writer.put(byte: UInt8(strings.count - 1))
        for bytes in strings.dropFirst() { writer.put(counted: bytes) }
        writer.put(byte: UInt8(references.count))
        writer.put(raw: references)
    }
}

private struct PoolReader {
    private var strings: [[UInt8]]
    private var references: ArraySlice<UInt8>

    init(key: RecordKey, _ reader: inout ByteReader) throws {
        strings = [key.bytes]
        for _ in 0..<(try reader.byte()) { strings.append(Array(try reader.counted())) }
        references = try reader.take(Int(try reader.byte()))
    }

    mutating func bytes() throws -> [UInt8]? {
        guard let place = references.popFirst() else { throw StateCodingError("it ends too early") }
        if place == 0xff { return nil }
        guard strings.indices.contains(Int(place)) else { throw StateCodingError("a reference") }
        return strings[Int(place)]
    }

    private mutating func present() throws -> [UInt8] {
        guard let bytes = try bytes() else { throw StateCodingError("a record") }
        return bytes
    }

    mutating func base() throws -> BaseRecord? {
        guard let key = try bytes() else { return nil }
        return BaseRecord(
            key: RecordKey(bytes: key), left: PackedRecord(bytes: try present()),
            right: PackedRecord(bytes: try present()), leftLocator: try present(), rightLocator: try present()
        )
    }

    mutating func record() throws -> Record? {
        guard let key = try bytes() else { return nil }
        return Record(
            key: RecordKey(bytes: key), locator: try present(), fields: PackedRecord(bytes: try present()))
    }
}

extension ByteWriter {
    fileprivate mutating func put(optional bytes: (some Collection<UInt8>)?) {
        guard let bytes else { return put(byte: 0) }
        put(byte: 1)
        put(counted: bytes)
    }
}

extension ByteReader {
    fileprivate mutating func expect(format: UInt8) throws {
        guard try byte() == format else { throw StateCodingError("an unknown format") }
    }

    fileprivate mutating func text() throws -> String { String(decoding: try counted(), as: UTF8.self) }

    fileprivate mutating func optionalText() throws -> String? { try byte() == 0 ? nil : try text() }
}
