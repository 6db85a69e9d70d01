public import DovetailSQLite
public import Foundation
public import GRDB

/// A file in a folder of its own, gone when the test is over.
public final class ReplicaFixture: Sendable {
    public let folder: String
    public let path: String
    public let kind: SQLiteReplica.Kind

    public init(_ kind: SQLiteReplica.Kind = .sqlite, _ sql: String = "") throws {
        self.kind = kind
        folder = NSTemporaryDirectory() + "replica-" + UUID().uuidString
        path = folder + "/file." + (kind == .sqlite ? "db" : "gpkg")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try run((kind == .geoPackage ? GeoPackageSQL.start : "") + sql)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// A replica that waits only a moment for locks.
    public func replica() -> SQLiteReplica {
        SQLiteReplica(path: path, kind: kind, name: "fixture", busyTimeout: 0.2)
    }

    /// Another program writes to the file.
    public func run(_ sql: String) throws {
        try other { try $0.execute(sql: sql) }
    }

    public func text(_ sql: String) throws -> String? {
        try other { try String.fetchOne($0, sql: sql) }
    }

    public func other<Result>(_ body: (Database) throws -> Result) throws -> Result {
        let queue = try DatabaseQueue(path: path)
        let result = try queue.inDatabase(body)
        try queue.close()
        return result
    }

    public var bytes: Data { get throws { try Data(contentsOf: URL(fileURLWithPath: path)) } }
    public var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
    }
}
