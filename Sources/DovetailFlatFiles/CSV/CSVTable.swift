import Dovetail
import DovetailEngine

/// The rows of a CSV file in their order, for those who load one once: nothing is indexed, and nothing written.
package struct CSVTable {
    /// The names in the first line.
    package let columns: [String]
    private let file: OpenFile
    private let dialect: CSVDialect

    /// What a cell holds.
    package enum Cell {
        /// Nothing stands between its delimiters.
        case empty
        case value(Value)
        /// No value of the type that was asked for.
        case other(String)
    }

    /// One row. Lives as long as it is looked at.
    package struct Row {
        fileprivate let bytes: UnsafeRawBufferPointer
        fileprivate let cells: [CSVCell]
        fileprivate let codecs: [CellCodec]
        /// Where it begins, for ``CSVTable/line(of:)``.
        package let offset: Int

        /// The value of a column, in the type that was asked for.
        package func cell(_ column: Int) -> Cell {
            let cell = cells[column]
            let codec = codecs[column]
            if cell.start == cell.end, !(cell.isQuoted && codec.canBeEmpty) { return .empty }
            var text = String(decoding: bytes[cell.start..<cell.end], as: UTF8.self)
            if cell.hasEscapes { text = text.replacing("\"\"", with: "\"") }
            if codec.keepsText { return codec.rule == .none ? .other(text) : .value(.text(text)) }
            return text.withUTF8 { codec.value(UnsafeRawBufferPointer($0)) }.map { .value($0) }
                ?? .other(text)
        }
    }

    /// - Parameter path: absolute, or relative to the working directory.
    /// - Throws: `ReplicaError` when there is no such file, or it is none that can be read.
    package init(path: String) throws {
        let place = FilePlace(path: path, name: path, table: "")
        file = try OpenFile(place)
        do {
            (dialect, columns) = try CSVFormat.heading(of: file, nil)
        } catch let problem as ContentProblem {
            throw place.damaged(problem)
        }
    }

    /// Hands over every row.
    /// - Parameter types: what each column is read as. Truth is also spelled 1 and 0. Nothing reads lists: their texts are
    ///   ``Cell/other(_:)``.
    /// - Throws: `ReplicaError` when the file is damaged, with the line; what `body` throws.
    package func rows(as types: [FieldType], _ body: (Row) throws -> Void) throws {
        let codecs = zip(columns, types).map { name, type in
            CellCodec(Field(name, type), ColumnBinding(name, conversion: type == .bool ? .bool : nil), .text)
        }
        var cells: [CSVCell] = []
        do {
            try CSVFormat.rows(file, dialect, from: dialect.headingEnd, &cells) { bytes, row, cells, offset in
                if let wrong = UTF8Check.firstInvalid(UnsafeRawBufferPointer(rebasing: bytes[row])) {
                    throw CSVFormat.noUTF8(at: offset + wrong)
                }
                try body(Row(bytes: bytes, cells: cells, codecs: codecs, offset: offset))
            }
            try file.checkUnchanged()
        } catch var problem as ContentProblem {
            problem.line = problem.line ?? line(of: problem.offset)
            throw file.place.damaged(problem)
        }
    }

    /// The line in which an offset is, counted from one. Complexity: O(offset).
    package func line(of offset: Int) -> Int { LineCount.line(of: offset, in: file) ?? 0 }
}
