import Dovetail
import DovetailFlatFiles
public import Foundation

extension Dataset {
    /// Adds the records of a CSV file, whose first line names the columns as identifiers and attributes are named. The delimiter
    /// is found by looking.
    ///
    /// Nothing between two delimiters is nil where the property is optional, and the empty text where it is a text; two quotes
    /// are the empty text. Truth is `true`, `false`, `1` or `0`; a `Date` is `2026-03-01T12:00:00Z`, `Data` is hexadecimal; a list
    /// is a JSON array.
    /// - Parameter unknown: what to do with columns that are no field.
    /// - Throws: ``ModelError`` with the file, the line and the column; `ReplicaError` for a file that can't be read. Then nothing is
    ///   added.
    public func add<Subject: Model>(
        _ type: Subject.Type, csv file: URL, unknown: UnknownFields = .refuse
    ) throws {
        let reader = ModelReader<Subject>()
        let table = try CSVTable(path: file.path)
        func problem(_ words: String, line: Int) -> ModelError {
            ModelError("\(file.relativePath), line \(line): \(words)")
        }
        do throws(ModelReader<Subject>.Problem) {
            try reader.check(names: table.columns, unknown)
        } catch {
            throw problem(error.words, line: 1)
        }
        let columns = Dictionary(
            table.columns.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        let types = Dictionary(
            reader.definition.fields.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
        var models: [Subject] = []
        try table.rows(as: table.columns.map { types[$0] ?? .text }) { row in
            do throws(ModelReader<Subject>.Problem) {
                models.append(
                    try reader.model { field in
                        columns[field.name].flatMap { Self.found(row.cell($0), for: field) }
                    })
            } catch {
                throw problem(error.words, line: table.line(of: row.offset))
            }
        }
        try add(contentsOf: models)
    }

    private static func found<Subject>(
        _ cell: CSVTable.Cell, for field: ModelField<Subject>
    ) -> ModelReader<Subject>.Found? {
        switch cell {
        case .value(let value): return .value(value)
        case .other(let text):
            if case .list = field.type,
                let list = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
            {
                return list.found(field)
            }
            return .other("“\(Value.text(text).words(limit: 40))”")
        case .empty: return field.type == .text && !field.isOptional ? .value(.text("")) : nil
        }
    }
}
