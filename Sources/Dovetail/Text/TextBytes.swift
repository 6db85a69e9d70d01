internal import CXXHash

/// Searches in the bytes of a text. Every position given has to lie in the buffer: it checks nothing itself.
struct TextBytes {
    static let newline: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D

    let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var count: Int { bytes.count }

    /// The position behind the line that begins at `start`.
    func lineEnd(from start: Int) -> Int {
        guard start < count, let base = bytes.baseAddress else { return count }
        return memoryFind(Self.newline, in: base + start, count - start).map { start + $0 + 1 } ?? count
    }

    /// Where the line begins that has a byte at `position`, or would have.
    func lineStart(at position: Int) -> Int {
        var start = position
        while start > 0, bytes[start - 1] != Self.newline { start -= 1 }
        return start
    }

    /// True if no line reaches over `position`.
    func isLineStart(_ position: Int) -> Bool {
        position == 0 || bytes[position - 1] == Self.newline
    }

    /// True if the bytes of the ranges, equally long, are the same.
    func isEqual(_ range: Range<Int>, to other: TextBytes, at start: Int) -> Bool {
        guard !range.isEmpty, let a = bytes.baseAddress, let b = other.bytes.baseAddress else { return true }
        return memoryCompare(a + range.lowerBound, b + start, range.count) == 0
    }

    /// How many bytes from `start` on are those of the other text from its start on.
    func commonPrefix(_ range: Range<Int>, with other: TextBytes, _ otherRange: Range<Int>) -> Int {
        let length = min(range.count, otherRange.count)
        let (start, otherStart) = (range.lowerBound, otherRange.lowerBound)
        var done = 0
        // Long stretches by the C library's compare, which takes many bytes at a time.
        let block = 4096
        while length - done >= block,
            isEqual(start + done..<start + done + block, to: other, at: otherStart + done)
        {
            done += block
        }
        while length - done >= 8, word(at: start + done) == other.word(at: otherStart + done) { done += 8 }
        while done < length, bytes[start + done] == other.bytes[otherStart + done] { done += 1 }
        return done
    }

    /// How many bytes before the end of the range are those of the other text before its range's end.
    func commonSuffix(_ range: Range<Int>, with other: TextBytes, _ otherRange: Range<Int>) -> Int {
        let length = min(range.count, otherRange.count)
        let (end, otherEnd) = (range.upperBound, otherRange.upperBound)
        var done = 0
        let block = 4096
        while length - done >= block,
            isEqual(end - done - block..<end - done, to: other, at: otherEnd - done - block)
        {
            done += block
        }
        while length - done >= 8, word(at: end - done - 8) == other.word(at: otherEnd - done - 8) {
            done += 8
        }
        while done < length, bytes[end - done - 1] == other.bytes[otherEnd - done - 1] { done += 1 }
        return done
    }

    /// What is left of two ranges, which begin at line starts, without the lines that both begin and end with.
    func trimmingCommonLines(_ range: Range<Int>, with other: TextBytes, _ otherRange: Range<Int>) -> TextHunk
    {
        let prefix = commonPrefix(range, with: other, otherRange)
        if prefix == range.count, prefix == otherRange.count {
            return TextHunk(
                old: range.upperBound..<range.upperBound, new: otherRange.upperBound..<otherRange.upperBound)
        }
        let start = lineStart(at: range.lowerBound + prefix)
        let otherStart = otherRange.lowerBound + (start - range.lowerBound)
        let rest = start..<range.upperBound
        let otherRest = otherStart..<otherRange.upperBound
        let suffix = commonSuffix(rest, with: other, otherRest)
        var (end, otherEnd) = (rest.upperBound - suffix, otherRest.upperBound - suffix)
        if !isLineStart(end) || !other.isLineStart(otherEnd) {
            // The suffix begins inside a line of at least one side: it counts from its first line end on.
            let next = suffix == 0 ? end : min(lineEnd(from: end), rest.upperBound)
            otherEnd += next - end
            end = next
        }
        return TextHunk(old: start..<end, new: otherStart..<otherEnd)
    }

    /// 64 bits that tell ranges apart, mostly.
    func hash(of range: Range<Int>, seed: UInt64 = 0) -> UInt64 {
        XXH3_64bits_withSeed(bytes.baseAddress.map { $0 + range.lowerBound }, range.count, seed)
    }

    private func word(at position: Int) -> UInt64 {
        bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
    }
}
