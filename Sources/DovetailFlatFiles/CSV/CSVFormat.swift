import Dovetail
import DovetailEngine

/// Comma-separated values with a line of column names.
struct CSVFormat: FlatFormat {
    /// The declared delimiter; nil: the first lines tell it.
    let delimiter: UInt8?

    func survey(_ file: OpenFile, _ types: FlatFileTypes) throws -> Survey {
        var surveyor = CSVSurveyor(file, delimiter, types)
        return try surveyor.survey()
    }

    func scan(_ file: OpenFile, _ survey: Survey, _ body: (RawRecord) throws -> Void) throws {
        guard case .csv(let dialect) = survey.detail else { return }
        var cells: [CSVCell] = []
        try Self.rows(file, dialect, from: dialect.headingEnd, &cells) { bytes, row, _, offset in
            try body(RawRecord(bytes: UnsafeRawBufferPointer(rebasing: bytes[row]), offset: offset))
        }
    }

    func coder(_ survey: Survey, _ columns: [BoundColumn]) -> any RecordCoder {
        guard case .csv(let dialect) = survey.detail else { return CSVCoder([], [], nil) }
        return CSVCoder(survey.columns.map(\.name), columns, dialect)
    }

    static func noUTF8(at offset: Int) -> ContentProblem {
        ContentProblem(
            offset: offset, line: nil,
            message: "a byte that is no UTF-8; save the file as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8)")
    }

    /// How a file is written, and its columns.
    static func heading(of file: OpenFile, _ delimiter: UInt8?) throws -> (CSVDialect, [String]) {
        var surveyor = CSVSurveyor(file, delimiter, FlatFileTypes())
        let dialect = try surveyor.heading()
        return (dialect, surveyor.names)
    }

    /// Hands over the rows behind the heading; their cells are ranges of the bytes.
    static func rows(
        _ file: OpenFile, _ dialect: CSVDialect, from start: Int, _ cells: inout [CSVCell],
        _ body: (UnsafeRawBufferPointer, Range<Int>, [CSVCell], Int) throws -> Void
    ) throws {
        var window = FileWindow(file, from: start)
        try window.advance(by: 0)
        let reader = CSVRowReader(delimiter: dialect.delimiter)
        var at = 0
        var isBehindHeading = true
        while true {
            let bytes = window.bytes
            if at == bytes.count, window.isAtEnd { return }
            let row: CSVRowReader.Row?
            do throws(ContentProblem) {
                row = try reader.row(in: bytes, from: at, isLast: window.isAtEnd, cells: &cells)
            } catch {
                throw error.moved(by: window.offset)
            }
            guard let row else {
                try window.advance(by: at)
                at = 0
                continue
            }
            // The first line break belongs to the heading. Empty lines are no records, except where a record may be
            // one empty cell.
            let isBlank = row.end == at && (isBehindHeading || dialect.columnCount > 1)
            if !isBlank {
                guard cells.count == dialect.columnCount else {
                    throw ContentProblem(
                        offset: window.offset + at, line: nil,
                        message:
                            "the row has \(cells.count) value\(cells.count == 1 ? "" : "s"), the first line names"
                            + " \(dialect.columnCount) column\(dialect.columnCount == 1 ? "" : "s");"
                            + " look for a missing or stray \(dialect.delimiterWords) or quote")
                }
                try body(bytes, at..<row.end, cells, window.offset + at)
            }
            isBehindHeading = false
            at = row.next
        }
    }
}

/// Looks at a whole CSV file.
private struct CSVSurveyor {
    private let file: OpenFile
    private let declared: UInt8?
    private let types: FlatFileTypes
    private(set) var names: [String] = []
    /// One for values without quotes, one for all values.
    private var plain: [TypeInference] = []
    private var all: [TypeInference] = []
    private var hasPlain = false
    private var hasQuoted = false
    private var hasPlainText = false
    private var hasQuotedText = false

    init(_ file: OpenFile, _ declared: UInt8?, _ types: FlatFileTypes) {
        self.file = file
        self.declared = declared
        self.types = types
    }

    mutating func survey() throws -> Survey {
        var dialect = try heading()
        plain = names.map { _ in TypeInference(mixesIntoText: true) }
        all = plain
        let isKnown = names.map { types.type(of: $0) != nil }
        var count = 0
        var cells: [CSVCell] = []
        try CSVFormat.rows(file, dialect, from: dialect.headingEnd, &cells) { bytes, row, cells, offset in
            if let wrong = UTF8Check.firstInvalid(UnsafeRawBufferPointer(rebasing: bytes[row])) {
                throw CSVFormat.noUTF8(at: offset + wrong)
            }
            if count & 0xffff == 0 { try Task.checkCancellation() }
            count += 1
            for index in cells.indices {
                let cell = cells[index]
                guard cell.end > cell.start else { continue }
                note(
                    UnsafeRawBufferPointer(rebasing: bytes[cell.start..<cell.end]), cell, index,
                    offset + cell.start - row.lowerBound, isKnown[index])
            }
        }
        dialect.quotesAll = hasQuoted && !hasPlain
        dialect.quotesText = hasQuotedText && !hasPlainText
        return Survey(
            columns: columns(dialect), recordCount: count, start: dialect.headingEnd, hasHeading: true,
            separator: dialect.lineBreak, detail: .csv(dialect))
    }

    private mutating func note(
        _ bytes: UnsafeRawBufferPointer, _ cell: CSVCell, _ index: Int, _ offset: Int, _ isKnown: Bool
    ) {
        if cell.isQuoted { hasQuoted = true } else { hasPlain = true }
        if isKnown, hasPlainText || hasQuotedText && cell.isQuoted { return }
        let type: GuessedType = all[index].type == .text && hasPlainText ? .text : .ofText(bytes)
        if type == .text { if cell.isQuoted { hasQuotedText = true } else { hasPlainText = true } }
        guard !isKnown else { return }
        all[index].note(type, bytes, at: offset)
        // A number in quotes is a text, unless this file has quotes around everything.
        plain[index].note(cell.isQuoted ? .text : type, bytes, at: offset)
    }

    private func columns(_ dialect: CSVDialect) -> [SurveyedColumn] {
        names.enumerated().map { index, name in
            if let known = types.type(of: name) {
                return SurveyedColumn(name: name, type: known.type, reason: known.reason)
            }
            let inference = dialect.quotesAll ? all[index] : plain[index]
            let verdict = inference.verdict { LineCount.line(of: $0, in: file) }
            return SurveyedColumn(name: name, type: verdict.type, reason: verdict.reason)
        }
    }

    // MARK: The first line

    mutating func heading() throws -> CSVDialect {
        var window = FileWindow(file, from: 0)
        try window.advance(by: 0)
        try checkEncoding(window.bytes)
        let start = window.bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
        guard window.bytes.count > start else {
            throw ContentProblem(
                offset: 0, line: 1, message: "the file is empty; its first line has to name the columns")
        }
        while true {
            let bytes = window.bytes
            let delimiter =
                declared
                ?? (file.place.path.lowercased().hasSuffix(".tsv")
                    ? UInt8(ascii: "\t") : CSVDialect.detect(bytes, from: start, isLast: window.isAtEnd))
            var cells: [CSVCell] = []
            let reader = CSVRowReader(delimiter: delimiter)
            guard let row = try reader.row(in: bytes, from: start, isLast: window.isAtEnd, cells: &cells)
            else {
                try window.advance(by: 0)
                continue
            }
            try names(bytes, start..<row.end, cells)
            let ending = Array(bytes[row.end..<row.next])
            return CSVDialect(
                delimiter: delimiter, lineBreak: ending.isEmpty ? [0x0a] : ending, headingEnd: row.end,
                columnCount: cells.count)
        }
    }

    private func checkEncoding(_ bytes: UnsafeRawBufferPointer) throws {
        if bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff]) {
            throw ContentProblem(
                offset: 0, line: 1, message: "the file is UTF-16; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)"
            )
        }
        if let zero = bytes.prefix(4096).firstIndex(of: 0) {
            throw ContentProblem(offset: zero, line: nil, message: "a zero byte; this is no text file")
        }
    }

    private mutating func names(_ bytes: UnsafeRawBufferPointer, _ row: Range<Int>, _ cells: [CSVCell]) throws
    {
        if let wrong = UTF8Check.firstInvalid(UnsafeRawBufferPointer(rebasing: bytes[row])) {
            throw CSVFormat.noUTF8(at: row.lowerBound + wrong)
        }
        var seen: Set<String> = []
        for (index, cell) in cells.enumerated() {
            var name = String(decoding: bytes[cell.start..<cell.end], as: UTF8.self)
            if cell.hasEscapes { name = name.replacing("\"\"", with: "\"") }
            guard !name.isEmpty else {
                throw ContentProblem(
                    offset: cell.start, line: 1,
                    message: cells.count == 1
                        ? "the first line is empty; it has to name the columns"
                        : "column \(index + 1) has no name; give it one")
            }
            guard seen.insert(name).inserted else {
                throw ContentProblem(
                    offset: cell.start, line: 1,
                    message: "two columns are called “\(name)”; give each a name of its own")
            }
            names.append(name)
        }
    }
}
