import ArgumentParser
import DovetailDocuments
import Foundation

/// Where the hub is, and how one is let in.
struct HubOptions: ParsableArguments {
    @Option(
        name: .long,
        help:
            "The set of documents: http(s)://HOST[:PORT]/SET. Remembered for files that are watched; else DOVETAIL_HUB."
    )
    var hub: String?

    @Option(
        name: .long, help: "A file that holds the token; remembered like --hub. Else DOVETAIL_HUB_TOKEN.",
        completion: .file())
    var tokenFile: String?

    /// - Parameter place: what was remembered with a file; what is said here wins.
    /// - Throws: ``UsageFailure`` when no hub or no token is named.
    func open(_ place: DocumentPlace? = nil) throws -> HTTPHub {
        let environment = ProcessInfo.processInfo.environment
        let named = environment["DOVETAIL_HUB"].flatMap { $0.isEmpty ? nil : $0 }
        guard let text = hub ?? place?.memory?.hub ?? named else {
            throw UsageFailure("which hub? say --hub http(s)://HOST[:PORT]/SET, or set DOVETAIL_HUB")
        }
        let address: HubAddress
        do {
            address = try HubAddress(text)
        } catch {
            throw UsageFailure("--hub: \(error.message)")
        }
        return try HTTPHub(address, token: try token(place, environment, for: address))
    }

    private func token(
        _ place: DocumentPlace?, _ environment: [String: String], for address: HubAddress
    ) throws -> String {
        if let path = tokenFile ?? place?.memory?.tokenFile {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw UsageFailure("the token file \(path) can't be read")
            }
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        guard let token = environment["DOVETAIL_HUB_TOKEN"], !token.isEmpty else {
            throw UsageFailure(
                "\(address) wants a token: give its file with --token-file, or set DOVETAIL_HUB_TOKEN")
        }
        return token
    }
}

/// A file or folder of documents, with the hub that was last named for it.
struct DocumentPlace {
    let source: DocumentSource
    /// The document, where the path is one.
    let document: DocumentName?
    /// The path that was named, absolute, and whether there is anything.
    let path: String
    let isThere: Bool
    private(set) var memory: Memory?

    /// The file or folder that is kept in agreement.
    var root: String {
        switch source {
        case .file(let path), .folder(let path): path
        }
    }

    /// Whether the path is something in a folder that is kept in agreement as a whole.
    var isInside: Bool { root != path }

    struct Memory: Codable, Equatable {
        var hub: String
        var tokenFile: String?
    }

    /// The place of a path: itself, or the watched folder that it is in.
    /// - Throws: ``UsageFailure`` when the path can't be a document.
    static func find(_ path: String) throws -> DocumentPlace {
        let full = URL(fileURLWithPath: path).standardizedFileURL.path
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: full, isDirectory: &isFolder)
        if isThere, isFolder.boolValue {
            return DocumentPlace(source: .folder(full), document: nil, path: full, isThere: true)
        }
        let alone = DocumentPlace(
            source: .file(full), document: try name((full as NSString).lastPathComponent), path: full,
            isThere: isThere)
        if alone.memory != nil { return alone }
        var folder = (full as NSString).deletingLastPathComponent
        while folder.count > 1 {
            let relative = String(full.dropFirst(folder.count + 1))
            let around = DocumentPlace(
                source: .folder(folder), document: try name(relative), path: full, isThere: isThere)
            if around.memory != nil { return around }
            folder = (folder as NSString).deletingLastPathComponent
        }
        return alone
    }

    private static func name(_ text: String) throws -> DocumentName {
        do {
            return try DocumentName(text)
        } catch {
            throw UsageFailure("\(error)")
        }
    }

    private init(source: DocumentSource, document: DocumentName?, path: String, isThere: Bool) {
        self.source = source
        self.document = document
        self.path = path
        self.isThere = isThere
        memory = (try? Data(contentsOf: URL(fileURLWithPath: file))).flatMap {
            try? JSONDecoder().decode(Memory.self, from: $0)
        }
    }

    private var file: String { "\(source.state)/hub.json" }

    /// Remembers the hub for the next command about these files. The token itself is not.
    /// - Throws: ``UsageFailure`` when the folder can't be written to.
    func remember(_ options: HubOptions) throws {
        guard let hub = options.hub ?? memory?.hub else { return }
        let tokenFile = options.tokenFile.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
        let now = Memory(hub: hub, tokenFile: tokenFile ?? memory?.tokenFile)
        guard now != memory else { return }
        do {
            try FileManager.default.createDirectory(
                atPath: source.state, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            try JSONEncoder().encode(now).write(to: URL(fileURLWithPath: file), options: .atomic)
        } catch {
            throw UsageFailure("\(file) can't be written: \(error.localizedDescription)")
        }
    }
}

/// A document at a hub: by the path of its file, or by its name where `--hub` says which hub.
struct DocumentArgument: ParsableArguments {
    @Argument(
        help: "The document: a file that is kept in agreement, or a name at the hub.", completion: .file())
    var document: String

    /// Opens the hub, does `work`, and closes it whatever happens.
    func with<Result>(_ options: HubOptions, _ work: (DocumentName, HTTPHub) async throws -> Result)
        async throws -> Result
    {
        let place = try DocumentPlace.find(document)
        let name: DocumentName
        if options.hub == nil, place.memory != nil, let known = place.document {
            name = known
        } else {
            do {
                name = try DocumentName(document)
            } catch {
                throw UsageFailure("\(error)")
            }
        }
        let hub = try options.open(place)
        return try await hub.whileOpen { try await work(name, hub) }
    }
}

extension HTTPHub {
    /// Does `work`, and lets go of the connections whatever happens.
    func whileOpen<Result>(_ work: () async throws -> Result) async throws -> Result {
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await work())
        } catch {
            result = .failure(error)
        }
        await close()
        return try result.get()
    }
}
