import Dovetail
import DovetailDocuments
import DovetailSimulation
import Foundation
import Synchronization
import Testing

/// A real folder with a client of its own.
final class Place: Sendable {
    let folder: String
    let network: FlakyHub
    let clock = SimulatedClock()
    let notices = Notices()
    private let options: DocumentClient.Options

    init(_ hub: any Hub, options: DocumentClient.Options = DocumentClient.Options()) throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "dovetail-client-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.folder = folder.path(percentEncoded: false)
        self.options = options
        network = FlakyHub(hub)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// A client as it starts anew.
    func client(
        files: any FileSystem = SystemFiles(), watcher: (any FileWatcher)? = nil,
        clock: (any ClientClock)? = nil, file: String? = nil
    ) -> DocumentClient {
        let notices = notices
        return DocumentClient(
            file.map { .file("\(folder)/\($0)") } ?? .folder(folder), hub: network, options: options,
            files: files,
            watcher: watcher, clock: clock ?? self.clock
        ) { notices.add($0) }
    }

    /// Starts a client, brings all into agreement once, and ends it.
    func synchronize(files: any FileSystem = SystemFiles()) async throws {
        let client = client(files: files)
        do {
            try await client.synchronize()
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    func put(_ text: String?, _ name: String = "doc.txt") throws {
        try put(text.map { Array($0.utf8) }, name)
    }

    func put(_ bytes: [UInt8]?, _ name: String = "doc.txt") throws {
        let path = "\(folder)/\(name)"
        guard let bytes else { return try FileManager.default.removeItem(atPath: path) }
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(filePath: path))
    }

    func bytes(_ name: String = "doc.txt") -> [UInt8]? {
        (try? Data(contentsOf: URL(filePath: "\(folder)/\(name)"))).map(Array.init)
    }

    func text(_ name: String = "doc.txt") -> String? {
        bytes(name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Names in a folder of the client's memory.
    func names(in part: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/.dovetail/documents/folder/\(part)"))
            ?? [])
            .sorted()
    }

    /// What is in the trash, or was refused.
    func kept(in part: String) -> [String] {
        names(in: part).compactMap { text(".dovetail/documents/folder/\(part)/\($0)") }
    }

    /// All names in the folder that the user sees.
    var files: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0 != ".dovetail" }
            .sorted()
    }
}

/// What a client told.
final class Notices: Sendable {
    private let list = Mutex<[ClientNotice]>([])
    func add(_ notice: ClientNotice) { list.withLock { $0.append(notice) } }
    var all: [ClientNotice] { list.withLock { $0 } }
    var problems: [String] {
        all.compactMap { if case .problem(_, let problem) = $0 { problem } else { nil } }
    }
}

let doc = name("doc.txt")
let base = "l1\nl2\nl3\nl4\nl5\n"

func name(_ text: String) -> DocumentName {
    do { return try DocumentName(text) } catch { preconditionFailure("\(error)") }
}

/// A hub and a place that have a text in common.
func agreed(
    on text: String? = base, merge: DocumentRules.Merge = .lines,
    options: DocumentClient.Options = DocumentClient.Options()
) async throws -> (hub: TestHub, place: Place) {
    let hub = TestHub()
    await hub.set(DocumentRules(merge: merge), of: doc)
    let place = try Place(hub, options: options)
    try place.put(text)
    try await place.synchronize()
    try #require(await hub.string() == text)
    return (hub, place)
}
