/// The lines of a text: where each begins.
///
/// Only `\n` ends a line. A `\r` before it belongs to the line, and the last line may be without an end. Bytes that
/// are no valid UTF-8 are bytes like any others.
public struct TextLines: Sendable {
    /// The text.
    public let bytes: [UInt8]
    /// Where each line begins, and last the size of the text.
    private let starts: [Int]

    /// Finds the lines of a text. It takes time in proportion to its size, and 8 bytes of memory a line.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
        starts = bytes.withUnsafeBytes { LineScan.starts(of: TextBytes($0), in: 0..<bytes.count) }
    }

    /// How many lines there are; none in an empty text.
    public var count: Int { starts.count - 1 }

    /// The place of a line, counted from 0, with its end.
    public func range(of line: Int) -> Range<Int> {
        starts[line]..<starts[line + 1]
    }

    /// The bytes of a line, counted from 0, with its end.
    public subscript(line: Int) -> ArraySlice<UInt8> {
        bytes[range(of: line)]
    }

    /// The lines, counted from 0, in a range of bytes that begins and ends where lines do, as those of hunks do.
    ///
    /// Of another range, the lines that begin in it. It is found by halving: O(log n).
    public func lines(in range: Range<Int>) -> Range<Int> {
        first(from: range.lowerBound)..<first(from: range.upperBound)
    }

    /// The first line that begins at a position or behind it.
    private func first(from position: Int) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if starts[middle] < position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Cuts texts into lines.
enum LineScan {
    /// Where the lines of a range begin, which begins at the start of one, and last its end.
    static func starts(of text: TextBytes, in range: Range<Int>) -> [Int] {
        var starts: [Int] = []
        starts.reserveCapacity(range.count / 32 + 2)
        var position = range.lowerBound
        while position < range.upperBound {
            starts.append(position)
            position = min(text.lineEnd(from: position), range.upperBound)
        }
        starts.append(range.upperBound)
        return starts
    }
}
