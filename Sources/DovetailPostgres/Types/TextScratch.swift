/// Memory for the text of one value at a time, kept from value to value.
struct TextScratch: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity = 64
    private var used = 0

    init() { base = .allocate(capacity: capacity) }

    deinit { base.deallocate() }

    /// What was written since `begin`. Valid until the next change.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: used) }

    /// Empties it and makes room.
    mutating func begin(reserving count: Int) {
        used = 0
        guard count > capacity else { return }
        base.deallocate()
        capacity = count
        base = .allocate(capacity: count)
    }

    /// Without a look at the room: the writer has reserved it.
    @inline(__always)
    mutating func put(_ byte: UInt8) {
        base[used] = byte
        used += 1
    }

    /// A number in decimal, with zeros in front up to `width` digits.
    @inline(__always)
    mutating func put(decimal number: UInt64, width: Int = 1) {
        var length = 1
        var rest = number / 10
        while rest > 0 {
            rest /= 10
            length += 1
        }
        length = max(length, width)
        rest = number
        var place = used + length
        used = place
        for _ in 0..<length {
            place -= 1
            base[place] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// Drops zeros at the end of a fraction, and the point if nothing is left of it.
    mutating func dropZeros() {
        while used > 0, base[used - 1] == 0x30 { used -= 1 }
        if used > 0, base[used - 1] == UInt8(ascii: ".") { used -= 1 }
    }

    mutating func put(word: StaticString) {
        for index in 0..<word.utf8CodeUnitCount { put(word.utf8Start[index]) }
    }
}
