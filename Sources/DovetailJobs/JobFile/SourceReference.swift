import Foundation

/// Where a replica's data is, as a job file or a command line names it.
///
/// ```
/// gpkg:data/vejle.gpkg                       a path, relative to the job file's folder
/// postgresql://sync@localhost/fkg            a server
/// service=fkg                                the same, as libpq's service file knows it
/// host=/run/postgresql dbname=fkg            the same, in libpq's other form
/// nextgisweb+https://gis.example.org         a web server: the kind of server, then its address
/// program:bin/inventories network            a program that serves one, with its arguments
/// documents:notes                            a folder of texts
/// hub+https://hub.example/notes              a set of texts at a hub
/// data/vejle.gpkg                            the ending tells the scheme
/// ```
///
/// **A source may hold a password, so it never shows itself in full.** `description`, `debugDescription` and
/// `dump` show it masked, and with `${NAME}` where it reads the environment; only ``unmasked``, ``rest``,
/// ``url`` and ``resolvedPath`` give what a replica needs to connect.
public struct SourceReference: Sendable, Hashable {
    /// What kind of store the source is. Whether a replica exists for it is decided elsewhere.
    public enum Scheme: String, Sendable, CaseIterable {
        case gpkg, sqlite, postgresql, nextgisweb, gc2, geojson, csv, files, program, documents, hub

        /// How a source of this scheme is written.
        public var form: String {
            switch self {
            case .gpkg, .sqlite, .geojson, .csv, .files, .documents: "\(rawValue):PATH"
            case .postgresql: "postgresql://HOST/DATABASE"
            case .nextgisweb: "nextgisweb+https://HOST"
            case .gc2: "gc2+https://HOST/DATABASE"
            case .program: "program:PATH ARGUMENTS"
            case .hub: "hub+https://HOST/SET"
            }
        }

        /// Whether a source of this scheme is a file of text, which is one table.
        public var isFlatFile: Bool { self == .csv || self == .geojson }

        /// The endings of file names that tell this scheme.
        public var endings: [String] {
            switch self {
            case .gpkg: [".gpkg"]
            case .sqlite: [".sqlite", ".sqlite3", ".db"]
            case .geojson: [".geojson", ".json", ".geojsonl", ".geojsons", ".ndjson"]
            case .csv: [".csv", ".tsv"]
            case .postgresql, .nextgisweb, .gc2, .files, .program, .documents, .hub: []
            }
        }
    }

    /// Why a text is no source. It never repeats more of the text than its scheme.
    public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// What is wrong.
        public let message: String
        /// What to do about it.
        public let hint: String

        /// `MESSAGE; HINT`
        public var description: String { "\(message); \(hint)" }
    }

    /// The kind of store.
    public let scheme: Scheme
    /// What follows the scheme: a path as it was written, or an address that begins with `//` or `https://`; or
    /// `key=value` pairs, which have none.
    public let rest: String
    /// The whole text with the environment read and nothing masked. Never print it.
    public let unmasked: String
    /// The absolute path of a source that is a local file or folder, nil for a server.
    public let resolvedPath: String?
    /// What is started for a source that is a program.
    public let program: ProgramSource?
    private let shown: String

    /// Reads a source.
    ///
    /// - Parameters:
    ///   - text: the source with the environment already read.
    ///   - written: the source as the user wrote it, `${NAME}` and all; what `description` shows, masked.
    ///   - folder: the folder that a relative path starts from.
    ///   - home: what `~` stands for; without it, this user's home.
    public init(
        _ text: String, written: String? = nil, relativeTo folder: String, home: String? = nil
    ) throws(Failure) {
        let (scheme, rest) = try Self.split(text) { path in
            SourceContent.scheme(of: FilePaths.resolve(path, relativeTo: folder, home: home))
        }
        self.scheme = scheme
        self.rest = rest
        self.unmasked = text
        self.shown = Masking.mask(written ?? text)
        self.program =
            scheme == .program ? try ProgramSource(rest, relativeTo: folder, home: home) : nil
        switch scheme {
        case .gpkg, .sqlite, .geojson, .csv, .documents:
            self.resolvedPath = FilePaths.resolve(rest, relativeTo: folder, home: home)
        case .files:
            self.resolvedPath =
                rest.contains("://") ? nil : FilePaths.resolve(rest, relativeTo: folder, home: home)
        case .postgresql, .nextgisweb, .gc2, .program, .hub:
            self.resolvedPath = nil
        }
    }

    /// The address of a source that is a server, as its client takes it; nil for a local file.
    ///
    /// `postgresql://…` and `service=…` as they are, `https://…` without the kind of server, `sftp://…` without `files:`.
    public var url: String? {
        switch scheme {
        case .postgresql: rest.hasPrefix("//") ? "postgresql:\(rest)" : rest
        case .nextgisweb, .gc2, .hub: rest
        case .files: resolvedPath == nil ? rest : nil
        case .gpkg, .sqlite, .geojson, .csv, .program, .documents: nil
        }
    }

    /// The names of the known schemes, in the form in which they are written.
    public static var knownForms: [String] { Scheme.allCases.map(\.form) }

    /// Two sources are the same when they reach the same store, however they were written.
    public static func == (left: SourceReference, right: SourceReference) -> Bool {
        left.scheme == right.scheme && left.target == right.target && left.program == right.program
    }

    /// Hashes what `==` compares.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(scheme)
        hasher.combine(target)
    }

    private var target: String { program?.path ?? resolvedPath ?? rest }

    /// What the source is called after: its file without the ending, or the kind of store.
    public var shortName: String {
        program?.shortName ?? resolvedPath.map { FilePaths.baseName(of: $0) } ?? scheme.rawValue
    }
}

extension SourceReference: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The source with passwords, tokens and keys masked.
    public var description: String { shown }

    /// The source with passwords, tokens and keys masked.
    public var debugDescription: String { shown }

    /// Shows the masked source only, so that `dump` of a job is safe too.
    public var customMirror: Mirror { Mirror(self, children: ["source": shown], displayStyle: .struct) }
}

extension SourceReference {
    /// - Parameter look: tells the scheme of a path by what is in the file.
    private static func split(
        _ text: String, _ look: (String) -> Scheme?
    ) throws(Failure) -> (Scheme, String) {
        guard !text.contains("\0") else {
            throw Failure(message: "the source contains a NUL character", hint: "remove it")
        }
        if KeyValueSource.matches(text) { return (.postgresql, text) }
        guard let prefix = schemePrefix(of: text) else {
            let lower = text.lowercased()
            for scheme in Scheme.allCases where scheme.endings.contains(where: lower.hasSuffix) {
                return (scheme, text)
            }
            if let scheme = look(text) { return (scheme, text) }
            throw Failure(
                message: "the source has no scheme, and neither its ending nor its content tells one",
                hint: "write one of \(knownForms.joined(separator: ", "))")
        }
        let rest = String(text.dropFirst(prefix.count + 1))
        switch prefix.lowercased() {
        case "gpkg": return (.gpkg, try path(rest, .gpkg))
        case "sqlite": return (.sqlite, try path(rest, .sqlite))
        case "geojson": return (.geojson, try path(rest, .geojson))
        case "csv": return (.csv, try path(rest, .csv))
        case "files": return (.files, try path(rest, .files))
        case "program": return (.program, try path(rest, .program))
        case "documents": return (.documents, try path(rest, .documents))
        case "postgresql", "postgres":
            guard rest.hasPrefix("//") else { throw incomplete(.postgresql) }
            return (.postgresql, rest)
        case "nextgisweb+https", "nextgisweb+http":
            return (.nextgisweb, try webAddress(rest, prefix, .nextgisweb))
        case "gc2+https", "gc2+http":
            return (.gc2, try webAddress(rest, prefix, .gc2))
        case "hub+https", "hub+http": return (.hub, try webAddress(rest, prefix, .hub))
        case "nextgisweb": throw incomplete(.nextgisweb)
        case "hub": throw incomplete(.hub)
        case "gc2": throw incomplete(.gc2)
        default:
            let near = Spelling.nearest(to: String(prefix), in: Scheme.allCases.map(\.rawValue))
            throw Failure(
                message: "“\(prefix):” is not a known scheme",
                hint: near.map { "did you mean “\($0):”?" }
                    ?? "write one of \(knownForms.joined(separator: ", "))")
        }
    }

    /// The letters before the first `:`, when they can be a scheme; a path such as `./a:b.gpkg` has none.
    private static func schemePrefix(of text: String) -> Substring? {
        guard let colon = text.firstIndex(of: ":"), let first = text.first, first.isASCII, first.isLetter
        else {
            return nil
        }
        let prefix = text[..<colon]
        let isScheme = prefix.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
        return isScheme ? prefix : nil
    }

    private static func path(_ rest: String, _ scheme: Scheme) throws(Failure) -> String {
        guard !rest.isEmpty else { throw incomplete(scheme) }
        return rest
    }

    private static func webAddress(
        _ rest: String, _ prefix: Substring, _ scheme: Scheme
    ) throws(Failure) -> String {
        guard rest.hasPrefix("//"), rest.count > 2, !rest.hasPrefix("///") else { throw incomplete(scheme) }
        return prefix.lowercased().hasSuffix("https") ? "https:\(rest)" : "http:\(rest)"
    }

    private static func incomplete(_ scheme: Scheme) -> Failure {
        Failure(message: "the source is incomplete", hint: "write \(scheme.form)")
    }
}
