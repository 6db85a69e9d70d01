import Dovetail

/// Reads and writes rows for the columns of one view.
final class CSVCoder: RecordCoder {
    private let columns: [BoundColumn]
    /// The cell of each column of the view.
    private let places: [Int]
    private let columnCount: Int
    private let dialect: CSVDialect?
    private let reader: CSVRowReader
    private var cells: [CSVCell] = []
    private var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    private var scratch: [UInt8] = []

    init(_ names: [String], _ columns: [BoundColumn], _ dialect: CSVDialect?) {
        self.columns = columns
        self.dialect = dialect
        columnCount = names.count
        places = columns.map { column in names.firstIndex(of: column.name) ?? 0 }
        reader = CSVRowReader(delimiter: dialect?.delimiter ?? UInt8(ascii: ","))
    }

    /// Rows have no id of their own.
    var id: Int64? { nil }

    func load(_ record: RawRecord) throws {
        bytes = record.bytes
        do throws(ContentProblem) {
            guard try reader.row(in: bytes, from: 0, isLast: true, cells: &cells) != nil,
                cells.count == columnCount
            else {
                throw ContentProblem(offset: 0, line: nil, message: "the row has \(cells.count) values")
            }
        } catch {
            throw error.moved(by: record.offset)
        }
    }

    /// Lends the text of a cell; nil for null.
    ///
    /// Nothing between two delimiters is null. Two quotes with nothing in between are the empty text, in a column that
    /// can hold one.
    @inline(__always)
    private func withText(_ column: Int, _ body: (UnsafeRawBufferPointer?) -> Void) {
        let cell = cells[places[column]]
        if cell.start == cell.end {
            let isText = cell.isQuoted && columns[column].codec.canBeEmpty
            body(isText ? UnsafeRawBufferPointer(rebasing: bytes[cell.start..<cell.end]) : nil)
        } else if cell.hasEscapes {
            unescape(cell)
            scratch.withUnsafeBytes { body($0) }
        } else {
            body(UnsafeRawBufferPointer(rebasing: bytes[cell.start..<cell.end]))
        }
    }

    private func unescape(_ cell: CSVCell) {
        scratch.removeAll(keepingCapacity: true)
        var at = cell.start
        while at < cell.end {
            let byte = bytes[at]
            scratch.append(byte)
            at += byte == UInt8(ascii: "\"") ? 2 : 1
        }
    }

    func put(_ column: Int, into builder: inout BatchBuilder) {
        let codec = columns[column].codec
        withText(column) { text in
            guard let text else {
                builder.putNull()
                return
            }
            if codec.keepsText {
                builder.put(text: text)
            } else if codec.rule == .int, let number = CellCodec.int(text) {
                builder.put(int: number)
            } else if codec.rule == .double, let number = CellCodec.double(text) {
                builder.put(double: number)
            } else if let value = codec.value(text) {
                builder.put(value)
            } else {
                builder.put(text: text)
            }
        }
    }

    func append(_ column: Int, to key: inout KeyBuffer) {
        let codec = columns[column].codec
        withText(column) { text in
            guard let text else {
                key.appendNull()
                return
            }
            if codec.keepsText {
                key.append(text: text)
            } else if codec.rule == .int, let number = CellCodec.int(text) {
                key.append(int: number)
            } else if let value = codec.value(text) {
                key.append(value)
            } else {
                key.append(text: text)
            }
        }
    }

    // MARK: Writing

    func inserted(_ values: [Value], id: Int64?) throws -> [UInt8] {
        var texts = [[UInt8]](repeating: [], count: columnCount)
        for (index, value) in values.enumerated() {
            texts[places[index]] = try written(value, columns[index].codec, inQuotes: false)
        }
        return joined(texts)
    }

    func updated(_ values: [Value], columns changed: [Int]) throws -> [UInt8] {
        var texts = cells.map { cell in
            Array(
                bytes[
                    (cell.isQuoted ? cell.start - 1 : cell.start)..<(cell.isQuoted ? cell.end + 1 : cell.end)]
            )
        }
        for index in changed {
            let wasQuoted = cells[places[index]].isQuoted
            texts[places[index]] = try written(values[index], columns[index].codec, inQuotes: wasQuoted)
        }
        return joined(texts)
    }

    private func joined(_ texts: [[UInt8]]) -> [UInt8] { Array(texts.joined(separator: [reader.delimiter])) }

    private func written(_ value: Value, _ codec: CellCodec, inQuotes: Bool) throws -> [UInt8] {
        if value.isNull { return [] }
        let isText = if case .text = value { true } else { false }
        let text = Array(try codec.text(of: value).utf8)
        guard
            inQuotes && (isText || dialect?.quotesAll == true) || needsQuotes(text, isText: isText)
                || text.isEmpty
        else { return text }
        var quoted: [UInt8] = [UInt8(ascii: "\"")]
        quoted.reserveCapacity(text.count + 2)
        for byte in text {
            quoted.append(byte)
            if byte == UInt8(ascii: "\"") { quoted.append(byte) }
        }
        quoted.append(UInt8(ascii: "\""))
        return quoted
    }

    private func needsQuotes(_ text: [UInt8], isText: Bool) -> Bool {
        if dialect?.quotesAll == true || isText && dialect?.quotesText == true { return true }
        if text.contains(where: {
            $0 == UInt8(ascii: "\"") || $0 == 0x0a || $0 == 0x0d || $0 == reader.delimiter
        }) {
            return true
        }
        // A text that looks like a number or a date is told from one by its quotes.
        guard isText else { return false }
        return text.withUnsafeBytes { GuessedType.ofText($0) != .text }
    }
}
