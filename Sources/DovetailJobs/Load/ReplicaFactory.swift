import DovetailDocuments
public import DovetailEngine
public import DovetailFlatFiles
import DovetailPostgres
import DovetailPrograms
import DovetailSQLite
import Foundation

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

        /// A hub can't be there.
        init(_ error: HubError) {
            message = error.message
            hint = "write it as hub+https://hub.example/notes"
        }

        init(_ scheme: SourceReference.Scheme) {
            message = "this version can't use \(scheme.rawValue): sources yet"
            hint =
                "it can use gpkg:PATH, sqlite:PATH, postgresql://HOST/DATABASE, geojson:PATH, csv:PATH, program:PATH, documents:PATH"
                + " and hub+https://HOST/SET"
        }
    }

    /// What is said about a side beside its source.
    public struct Options: Sendable {
        /// Seconds to wait for a store that another program holds.
        public var busyTimeout: Double
        /// What is known of the columns of a flat file.
        public var types: FlatFileTypes
        /// The declared delimiter of a CSV file.
        public var delimiter: Character?

        /// Makes options; without arguments those of a source that nothing is said about.
        public init(
            busyTimeout: Double = 5, types: FlatFileTypes = FlatFileTypes(), delimiter: Character? = nil
        ) {
            self.busyTimeout = busyTimeout
            self.types = types
            self.delimiter = delimiter
        }
    }

    private let make: @Sendable (SourceReference, String, Options) throws -> any Replica

    /// A factory of one's own: for tests, and for replicas that live in a program.
    ///
    /// - Parameter make: given a source, the name that messages use, and what is said about the side.
    public init(_ make: @escaping @Sendable (SourceReference, String, Options) throws -> any Replica) {
        self.make = make
    }

    /// The replica of a source. Nothing is opened yet.
    /// - Throws: ``Unusable``.
    public func replica(
        for source: SourceReference, named name: String, options: Options = Options()
    ) throws -> any Replica {
        try make(source, name, options)
    }

    /// The replicas of this version.
    public static let standard = ReplicaFactory { source, name, options in
        let path = source.resolvedPath ?? source.rest
        let wait = options.busyTimeout
        switch source.scheme {
        case .gpkg: return SQLiteReplica(path: path, kind: .geoPackage, name: name, busyTimeout: wait)
        case .sqlite: return SQLiteReplica(path: path, kind: .sqlite, name: name, busyTimeout: wait)
        case .postgresql: return PostgresReplica(source.url ?? source.unmasked, name: name, lockTimeout: wait)
        case .geojson: return FlatFileReplica(path: path, kind: .geoJSON, name: name, types: options.types)
        case .csv:
            let kind = FlatFileReplica.Kind.csv(delimiter: options.delimiter)
            return FlatFileReplica(path: path, kind: kind, name: name, types: options.types)
        case .program:
            guard let program = source.program else { throw Unusable(source.scheme) }
            return ProgramReplica(
                path: program.path, arguments: program.arguments, directory: program.folder, name: name)
        case .documents: return DocumentReplica(folder: path, name: name)
        case .hub:
            let address: HubAddress
            do throws(HubError) {
                address = try HubAddress(source.url ?? source.rest)
            } catch {
                throw Unusable(error)
            }
            return DocumentReplica(name: name) {
                try HTTPHub(
                    address,
                    token: ProcessInfo.processInfo.environment["DOVETAIL_HUB_TOKEN"] ?? "")
            }
        case .nextgisweb, .gc2, .files: throw Unusable(source.scheme)
        }
    }
}
