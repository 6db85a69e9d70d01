/// How one CSV file is written.
struct CSVDialect: Sendable {
    var delimiter: UInt8
    /// How its lines end.
    var lineBreak: [UInt8]
    /// Where the line of column names ends, without its line break.
    var headingEnd: Int
    var columnCount: Int
    /// Every value stands in quotes, so that quotes say nothing about types.
    var quotesAll = false
    /// Every text stands in quotes.
    var quotesText = false

    /// A byte that a message can show.
    var delimiterWords: String { Self.words(delimiter) }

    static func words(_ delimiter: UInt8) -> String {
        delimiter == UInt8(ascii: "\t") ? "tab" : "“\(Character(Unicode.Scalar(delimiter)))”"
    }

    private static let candidates: [UInt8] = [
        UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t"), UInt8(ascii: "|"),
    ]

    /// The delimiter under which the first line has most columns, and the second as many; the comma when none shows.
    static func detect(_ bytes: UnsafeRawBufferPointer, from start: Int, isLast: Bool) -> UInt8 {
        var best: (delimiter: UInt8, columns: Int) = (candidates[0], 1)
        var isSecondRight = false
        for delimiter in candidates {
            let reader = CSVRowReader(delimiter: delimiter)
            var cells: [CSVCell] = []
            guard let first = try? reader.row(in: bytes, from: start, isLast: isLast, cells: &cells),
                cells.count > 1
            else { continue }
            let columns = cells.count
            let second = try? reader.row(in: bytes, from: first.next, isLast: isLast, cells: &cells)
            let fits = second == nil || first.next >= bytes.count || cells.count == columns
            if fits && !isSecondRight && best.columns == 1 || fits && !isSecondRight
                || fits == isSecondRight && columns > best.columns
            {
                best = (delimiter, columns)
                isSecondRight = fits
            }
        }
        return best.delimiter
    }
}
