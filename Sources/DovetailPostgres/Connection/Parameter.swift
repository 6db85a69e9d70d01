import CLibPQ

/// Numbers of PostgreSQL's types, as `pg_type.oid`; they are the same in every database.
typealias TypeNumber = Oid

/// A value for a `$n` of a statement, with its type so that the server need not guess.
enum Parameter: Sendable {
    /// Of a type that the server infers.
    case null
    /// `text`.
    case text(String)
    /// A literal of a type that the server infers from the statement.
    case literal(String)
    /// `bigint`.
    case int(Int64)
    /// `boolean`.
    case bool(Bool)
    /// `bytea`.
    case bytes([UInt8])
    /// `text[]`.
    case texts([String])
    /// `bytea[]`.
    case byteArrays([[UInt8]])
    /// The binary form of any type.
    case binary([UInt8], TypeNumber)

    /// Type, bytes and format as libpq takes them.
    var wire: (type: Oid, bytes: [UInt8]?, isBinary: Bool) {
        switch self {
        case .null: (0, nil, false)
        case .text(let text): (25, Array(text.utf8), true)
        case .literal(let text): (0, Array(text.utf8) + [0], false)
        case .int(let number): (20, Self.bigEndian(number), true)
        case .bool(let value): (16, [value ? 1 : 0], true)
        case .bytes(let bytes): (17, bytes, true)
        case .texts(let texts): (1009, Self.array(of: 25, texts.map { Array($0.utf8) }), true)
        case .byteArrays(let items): (1001, Self.array(of: 17, items), true)
        case .binary(let bytes, let type): (type, bytes, true)
        }
    }

    private static func bigEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// A one-dimensional array without nulls: dimensions, flag, type, length, lower bound, items.
    private static func array(of type: UInt32, _ items: [[UInt8]]) -> [UInt8] {
        var bytes = bigEndian(Int32(items.isEmpty ? 0 : 1)) + bigEndian(Int32(0)) + bigEndian(type)
        guard !items.isEmpty else { return bytes }
        bytes += bigEndian(Int32(items.count)) + bigEndian(Int32(1))
        for item in items {
            bytes += bigEndian(Int32(item.count))
            bytes += item
        }
        return bytes
    }
}
