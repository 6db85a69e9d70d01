public import DovetailEngine
import DovetailSQLite

/// Makes the replica that a source names: one line per kind.
public struct ReplicaFactory: Sendable {
    /// A source of a kind that this version knows by name only.
    public struct Unusable: Error, Sendable, CustomStringConvertible {
        /// What is wrong.
        public let message: String
        /// What to do about it.
        public let hint: String
        /// `MESSAGE; HINT`
        public var description: String { "\(message); \(hint)" }

        init(_ scheme: SourceReference.Scheme) {
            message = "this version can't use \(scheme.rawValue): sources yet"
            hint = "it can use gpkg:PATH and sqlite:PATH"
        }
    }

    private let make: @Sendable (SourceReference, String, Double) throws -> any Replica

    /// A factory of one's own: for tests, and for replicas that live in a program.
    ///
    /// - Parameter make: given a source, the name that messages use, and the seconds to wait for a busy
    ///   store.
    public init(_ make: @escaping @Sendable (SourceReference, String, Double) throws -> any Replica) {
        self.make = make
    }

    /// The replica of a source. Nothing is opened yet.
    /// - Throws: ``Unusable``.
    public func replica(
        for source: SourceReference, named name: String, busyTimeout: Double
    ) throws -> any Replica {
        try make(source, name, busyTimeout)
    }

    /// The replicas of this version.
    public static let standard = ReplicaFactory { source, name, wait in
        let path = source.resolvedPath ?? source.rest
        switch source.scheme {
        case .gpkg: return SQLiteReplica(path: path, kind: .geoPackage, name: name, busyTimeout: wait)
        case .sqlite: return SQLiteReplica(path: path, kind: .sqlite, name: name, busyTimeout: wait)
        case .postgresql, .nextgisweb, .gc2, .geojson, .csv, .files: throw Unusable(source.scheme)
        }
    }
}
