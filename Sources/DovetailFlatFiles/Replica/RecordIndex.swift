import Dovetail
import DovetailEngine

/// The keys of all records in their order, each with the place of its record: all of a file that is held in memory.
///
/// A record costs its key and 32 bytes, whatever else is in it.
struct RecordIndex: Sendable {
    struct Entry: Sendable {
        /// The first eight bytes of the key: most comparisons need no more.
        var prefix: UInt64
        var keyStart: Int
        var offset: Int
        var keyLength: UInt32
        var length: UInt32
    }

    private var keys: [UInt8] = []
    private(set) var entries: [Entry] = []
    private var isSorted = true

    init(reserving count: Int) { entries.reserveCapacity(count) }

    mutating func append(_ key: [UInt8], offset: Int, length: Int) {
        var prefix: UInt64 = 0
        for index in 0..<8 { prefix = prefix << 8 | (index < key.count ? UInt64(key[index]) : 0) }
        let entry = Entry(
            prefix: prefix, keyStart: keys.count, offset: offset, keyLength: UInt32(key.count),
            length: UInt32(length))
        keys.append(contentsOf: key)
        if isSorted, let last = entries.last {
            isSorted = keys.withUnsafeBytes { !Self.precedes(entry, last, $0) }
        }
        entries.append(entry)
    }

    /// Puts the entries in the order of their keys, and of the file where keys are equal.
    mutating func sort() {
        guard !isSorted else { return }
        keys.withUnsafeBytes { keys in
            entries.sort { Self.precedes($0, $1, keys) }
        }
        isSorted = true
    }

    private static func precedes(_ a: Entry, _ b: Entry, _ keys: UnsafeRawBufferPointer) -> Bool {
        if a.prefix != b.prefix { return a.prefix < b.prefix }
        let left = keys[a.keyStart..<(a.keyStart + Int(a.keyLength))]
        let right = keys[b.keyStart..<(b.keyStart + Int(b.keyLength))]
        if left.lexicographicallyPrecedes(right) { return true }
        if right.lexicographicallyPrecedes(left) { return false }
        return a.offset < b.offset
    }

    /// Lends the key of an entry.
    func withKey<Result>(_ entry: Entry, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
    {
        try keys.withUnsafeBytes { keys in
            let range = entry.keyStart..<(entry.keyStart + Int(entry.keyLength))
            return try body(UnsafeRawBufferPointer(rebasing: keys[range]))
        }
    }
}

/// Fetches records from places in a file: in large blocks as long as they follow each other, else one by one.
struct RecordFetcher: ~Copyable {
    private let file: OpenFile
    private var memory: UnsafeMutableRawPointer
    private var capacity: Int
    private var start = 0
    private var count = 0
    private static let block = 256 << 10

    init(_ file: OpenFile) {
        self.file = file
        capacity = Self.block
        memory = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { memory.deallocate() }

    /// Lends the bytes of a range.
    mutating func bytes(at offset: Int, length: Int) throws -> UnsafeRawBufferPointer {
        if offset < start || offset + length > start + count {
            let follows = offset >= start && offset < start + count + Self.block
            let wanted = max(length, follows ? Self.block : 0)
            if wanted > capacity {
                memory.deallocate()
                capacity = wanted
                memory = .allocate(byteCount: capacity, alignment: 16)
            }
            start = offset
            count = try file.read(
                into: UnsafeMutableRawBufferPointer(start: memory, count: wanted), at: offset)
            guard count >= length else {
                count = 0
                throw file.place.error(
                    .locked,
                    "\(file.place.path) became shorter while it was read; run again when that is done")
            }
        }
        return UnsafeRawBufferPointer(start: memory + (offset - start), count: length)
    }
}
