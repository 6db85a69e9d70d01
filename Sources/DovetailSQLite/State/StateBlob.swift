import DovetailEngine
import Foundation
import GRDB

/// Bytes as an argument of a statement. An empty one stays a blob; GRDB's own empty data does too.
struct Blob: DatabaseValueConvertible {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var databaseValue: DatabaseValue { Data(bytes).databaseValue }

    static func fromDatabaseValue(_ value: DatabaseValue) -> Blob? {
        Data.fromDatabaseValue(value).map { Blob(Array($0)) }
    }
}

extension Row {
    /// The bytes of a column that always holds some.
    /// - Throws: ``StateDamage`` when it doesn't.
    func bytes(_ column: String) throws -> [UInt8] {
        let content: Data? = self[column]
        guard let content else { throw StateDamage("an entry lacks its \(column)") }
        return Array(content)
    }
}
