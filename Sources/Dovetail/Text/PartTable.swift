/// Numbers the parts of two or three texts by their bytes: equal numbers, equal parts.
///
/// Parts are lines, or words within lines. A hash leads to a part, and its bytes decide.
struct PartTable {
    private struct Part {
        let hash: UInt64
        let text: TextBytes
        let range: Range<Int>
    }

    private var parts: [Part] = []
    /// Open addressing: a number and one, or 0 where nothing is. The size is a power of two.
    private var slots: [Int32]

    /// Made of what is compared, so that nobody writes lines beforehand that all meet in one slot.
    private let seed: UInt64

    /// - Parameters:
    ///   - expected: how many parts will come, at a guess.
    ///   - seed: a hash of the texts that they come from.
    init(expecting expected: Int, seed: UInt64) {
        self.seed = seed
        var size = 64
        while size < expected * 2 { size *= 2 }
        slots = [Int32](repeating: 0, count: size)
    }

    /// How many different parts there are.
    var count: Int { parts.count }

    /// The numbers of the parts that begin at `starts`, the last of which is where the last part ends.
    mutating func numbers(of text: TextBytes, _ starts: [Int]) -> [Int32] {
        var numbers: [Int32] = []
        numbers.reserveCapacity(starts.count - 1)
        var start = starts[0]
        for end in starts.dropFirst() {
            numbers.append(number(of: text, start..<end))
            start = end
        }
        return numbers
    }

    private mutating func number(of text: TextBytes, _ range: Range<Int>) -> Int32 {
        if parts.count * 2 >= slots.count { grow() }
        let hash = text.hash(of: range, seed: seed)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            let number = slots[slot] - 1
            let part = parts[Int(number)]
            if part.hash == hash, part.range.count == range.count,
                text.isEqual(range, to: part.text, at: part.range.lowerBound)
            {
                return number
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        parts.append(Part(hash: hash, text: text, range: range))
        slots[slot] = Int32(parts.count)
        return Int32(parts.count - 1)
    }

    private mutating func grow() {
        slots = [Int32](repeating: 0, count: slots.count * 2)
        for (number, part) in parts.enumerated() {
            var slot = Int(truncatingIfNeeded: part.hash) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = Int32(number + 1)
        }
    }
}
