import Dovetail
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import GRDBSQLite

/// Builds the bytes of one key after the other in memory of its own, and compares each with the one before.
struct KeyScratch: ~Copyable {
    private var current: UnsafeMutableRawPointer
    private var capacity: Int
    private var used = 0
    private var previous: UnsafeMutableRawPointer
    private var previousCapacity: Int
    private var previousUsed = -1
    private var lastInt: Int64?
    private let nullTag = RecordKey([.null]).bytes[0]
    private let intTag = RecordKey([.int(0)]).bytes[0]
    private let textTag = RecordKey([.text("")]).bytes[0]

    init() {
        capacity = 256
        previousCapacity = 256
        current = .allocate(byteCount: capacity, alignment: 8)
        previous = .allocate(byteCount: previousCapacity, alignment: 8)
    }

    deinit {
        current.deallocate()
        previous.deallocate()
    }

    /// The key built last. Valid until the next one begins.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: current, count: used) }

    mutating func begin() { used = 0 }

    /// Less than zero when the key just built comes before the one built before it.
    mutating func end() -> Int {
        var order = 1
        if previousUsed >= 0 {
            order = Self.compare(bytes, UnsafeRawBufferPointer(start: previous, count: previousUsed))
        }
        if previousCapacity < used {
            previous.deallocate()
            previousCapacity = capacity
            previous = .allocate(byteCount: previousCapacity, alignment: 8)
        }
        previous.copyMemory(from: current, byteCount: used)
        previousUsed = used
        return order
    }

    /// The same for keys that are integers.
    mutating func order(ofInt number: Int64) -> Int {
        defer { lastInt = number }
        guard let last = lastInt else { return 1 }
        return number < last ? -1 : 1
    }

    mutating func append(raw: UnsafeRawBufferPointer) {
        reserve(raw.count)
        if let start = raw.baseAddress { (current + used).copyMemory(from: start, byteCount: raw.count) }
        used += raw.count
    }

    /// A stored value, as its column's codec reads it.
    mutating func append(_ value: OpaquePointer?, _ codec: ColumnCodec, isUTF8: Bool) {
        switch sqlite3_value_type(value) {
        case SQLITE_INTEGER:
            let number = sqlite3_value_int64(value)
            if codec.rule == .int || codec.rule == .plain {
                append(int: number)
            } else {
                append(codec.value(int: number))
            }
        case SQLITE_FLOAT: append(.double(sqlite3_value_double(value)))
        case SQLITE_TEXT:
            let text = SQLiteBytes.text(value, isUTF8: isUTF8)
            if !codec.keepsText, let value = codec.value(text: text) {
                append(value)
            } else {
                append(text: text)
            }
        case SQLITE_BLOB: append(codec.value(blob: SQLiteBytes.blob(value)))
        default: append(byte: nullTag)
        }
    }

    private mutating func append(_ value: Value) {
        RecordKey(CollectionOfOne(value)).bytes.withUnsafeBytes { append(raw: $0) }
    }

    private mutating func append(byte: UInt8) {
        reserve(1)
        current.storeBytes(of: byte, toByteOffset: used, as: UInt8.self)
        used += 1
    }

    private mutating func append(int: Int64) {
        append(byte: intTag)
        reserve(8)
        current.storeBytes(
            of: (UInt64(bitPattern: int) ^ 1 << 63).bigEndian, toByteOffset: used, as: UInt64.self)
        used += 8
    }

    private mutating func append(text: UnsafeRawBufferPointer) {
        reserve(2 + 2 * text.count)
        append(byte: textTag)
        for byte in text {
            current.storeBytes(of: byte, toByteOffset: used, as: UInt8.self)
            used += 1
            if byte == 0 { append(byte: 0xff) }
        }
        append(byte: 0)
    }

    private mutating func reserve(_ bytes: Int) {
        guard used + bytes > capacity else { return }
        let larger = max(capacity * 2, used + bytes)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 8)
        moved.copyMemory(from: current, byteCount: used)
        current.deallocate()
        current = moved
        capacity = larger
    }

    private static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        let shared = min(a.count, b.count)
        if let x = a.baseAddress, let y = b.baseAddress, shared > 0 {
            let order = memcmp(x, y, shared)
            if order != 0 { return Int(order) }
        }
        return a.count - b.count
    }
}
