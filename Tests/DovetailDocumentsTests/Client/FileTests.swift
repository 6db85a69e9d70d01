import Dovetail
import DovetailDocuments
import DovetailSimulation
import Foundation
import Synchronization
import Testing

@Suite("Files of documents")
struct FileTests {
    @Test("D11: a save between reading a file and replacing it is merged, in every step", arguments: 0..<3)
    func overtaken(step: Int) async throws {
        let (hub, place) = try await agreed()
        try await hub.edit("S1\nl2\nl3\nl4\nl5\n")
        let files = InterferedFiles(step: step) { try? place.put("l1\nl2\nl3\nl4\nC5\n") }
        try await place.synchronize(files: files)
        #expect(place.text() == "S1\nl2\nl3\nl4\nC5\n")
        try await place.synchronize()
        #expect(await hub.string() == "S1\nl2\nl3\nl4\nC5\n")
    }

    @Test("what a program writes into the old file while it is replaced is kept")
    func lateWrite() async throws {
        let (hub, place) = try await agreed()
        let handle = try #require(FileHandle(forUpdatingAtPath: "\(place.folder)/doc.txt"))
        try await hub.edit("S1\nl2\nl3\nl4\nl5\n")
        let files = InterferedFiles(step: 3) {
            _ = try? handle.seekToEnd()
            try? handle.write(contentsOf: Data("late\n".utf8))
        }
        try await place.synchronize(files: files)
        #expect(place.kept(in: "trash") + [place.text() ?? ""] != ["S1\nl2\nl3\nl4\nl5\n"])
        let all = place.kept(in: "trash") + [place.text() ?? "", await hub.string() ?? ""]
        #expect(all.contains { $0.contains("late\n") })
    }

    @Test("D13: killed at any write, a file is the old or the new one, nothing is left over, and all goes on")
    func killed() async throws {
        var deaths = 0
        for change in 0..<200 {
            let hub = TestHub()
            let disk = MemoryDisk()
            disk.put(Array(base.utf8), "/home/doc.txt")
            func client(_ files: MemoryFiles) -> DocumentClient {
                DocumentClient(.folder("/home"), hub: hub, files: files, clock: SimulatedClock())
            }
            try await client(disk.handle()).synchronize()
            try await hub.edit("S1\nl2\nl3\nl4\nl5\n")
            disk.put(Array("l1\nl2\nl3\nl4\nC5\n".utf8), "/home/doc.txt")
            let files = disk.handle()
            disk.crash(after: change)
            try? await client(files).synchronize()
            disk.crash(after: nil)
            let merged = Array("S1\nl2\nl3\nl4\nC5\n".utf8)
            let text = disk.text("/home/doc.txt")
            #expect(text == merged || text == Array("l1\nl2\nl3\nl4\nC5\n".utf8), "change \(change)")
            try await client(disk.handle()).synchronize()
            #expect(disk.text("/home/doc.txt") == merged, "change \(change)")
            #expect(await hub.text(of: doc) == merged, "change \(change)")
            #expect(await hub.log(of: doc).count == 3, "change \(change)")
            let left = disk.texts(below: "/home").keys.filter {
                $0.contains("/.dovetail-") || $0.hasSuffix(".draft")
            }
            #expect(left.isEmpty, "change \(change)")
            guard files.isDead else { break }
            deaths += 1
        }
        #expect(deaths > 10)
    }

    @Test("D13: killed at any write, half of a draft that is just the old text is not taken for it")
    func killedAtHalf() async throws {
        for change in 0..<200 {
            let (hub, disk) = (TestHub(), MemoryDisk())
            disk.put(Array(base.utf8), "/home/doc.txt")
            func client(_ files: MemoryFiles) -> DocumentClient {
                DocumentClient(.folder("/home"), hub: hub, files: files, clock: SimulatedClock())
            }
            try await client(disk.handle()).synchronize()
            try await hub.edit(base + base)
            let files = disk.handle()
            disk.crash(after: change)
            try? await client(files).synchronize()
            disk.crash(after: nil)
            try await client(disk.handle()).synchronize()
            #expect(disk.text("/home/doc.txt") == Array((base + base).utf8), "change \(change)")
            #expect(await hub.log(of: doc).count == 2, "change \(change)")
            guard files.isDead else { break }
        }
    }

    @Test("D13: killed at any write, what was written is known: marks are never put around marks")
    func killedAmongMarks() async throws {
        var options = DocumentClient.Options()
        options.conflicts = .marks
        for change in 0..<200 {
            let (hub, disk) = (TestHub(), MemoryDisk())
            disk.put(Array(base.utf8), "/home/doc.txt")
            func client(_ files: MemoryFiles) -> DocumentClient {
                DocumentClient(
                    .folder("/home"), hub: hub, options: options, files: files, clock: SimulatedClock())
            }
            try await client(disk.handle()).synchronize()
            try await hub.edit("l1\nl2\nS3\nl4\nl5\n")
            disk.put(Array("l1\nl2\nC3\nl4\nl5\n".utf8), "/home/doc.txt")
            let files = disk.handle()
            disk.crash(after: change)
            try? await client(files).synchronize()
            disk.crash(after: nil)
            try await client(disk.handle()).synchronize()
            let text = String(decoding: disk.text("/home/doc.txt") ?? [], as: UTF8.self)
            #expect(text.split(separator: "\n").filter { $0.hasPrefix("<") }.count == 1, "change \(change)")
            #expect(text.split(separator: "\n").count == 9, "change \(change)")
            guard files.isDead else { break }
        }
    }

    @Test("D15: a read-only file is told, and written when it may be")
    func readOnly() async throws {
        let (hub, place) = try await agreed()
        try await hub.edit(base + "x\n")
        let path = "\(place.folder)/doc.txt"
        try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: path)
        try await place.synchronize()
        #expect(place.text() == base)
        #expect(place.notices.problems.contains { $0.contains("read-only") })
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        try await place.synchronize()
        #expect(place.text() == base + "x\n")
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o640)
        #expect(await hub.log(of: doc).count == 2)
    }

    @Test("D15: a full disk changes nothing, and is tried again")
    func full() async throws {
        let (hub, disk) = (TestHub(), MemoryDisk())
        disk.put(Array(base.utf8), "/home/doc.txt")
        let client = DocumentClient(.folder("/home"), hub: hub, files: disk.handle(), clock: SimulatedClock())
        try await client.synchronize()
        try await hub.edit(base + "x\n")
        disk.fill(true)
        try await client.synchronize()
        #expect(await client.problemsByDocument()[doc]?.contains("no room left") == true)
        #expect(disk.text("/home/doc.txt") == Array(base.utf8))
        disk.fill(false)
        try await client.synchronize()
        #expect(disk.text("/home/doc.txt") == Array((base + "x\n").utf8))
        #expect(await client.problemsByDocument().isEmpty)
        #expect(await hub.log(of: doc).count == 2)
    }

    @Test("D16: where case does not matter, one of two names is a file and the other is told")
    func cases() async throws {
        let (hub, disk) = (TestHub(), MemoryDisk(ignoresCase: true))
        try await hub.edit("one\n", name("Note.txt"))
        try await hub.edit("two\n", name("note.txt"))
        disk.put([], "/home/.keep~")
        let client = DocumentClient(.folder("/home"), hub: hub, files: disk.handle(), clock: SimulatedClock())
        try await client.synchronize()
        #expect(disk.text("/home/Note.txt") == Array("one\n".utf8))
        #expect(disk.text("/home/note.txt") == nil)
        #expect(await client.problemsByDocument()[name("note.txt")]?.contains("differ in case") == true)
        #expect(await hub.string(name("note.txt")) == "two\n")
    }

    @Test(
        "D06: editors' and systems' own files are no documents",
        arguments: [
            ".doc.txt.swp", ".doc.txt.swo", ".#doc.txt", "#doc.txt#", "doc.txt~", "4913", "~$doc.docx",
            "sedA1b2C3",
            ".goutputstream-X1Y2Z3", ".~lock.doc.odt#", "doc.txt.tmp", ".DS_Store", ".dovetail-12ab",
            ".git/config",
        ])
    func ignored(file: String) async throws {
        let (hub, place) = try await agreed()
        try place.put("never\n", file)
        try await place.synchronize()
        #expect(await hub.documentNames == [doc])
    }

    @Test(
        "ordinary names that look a little like those are documents",
        arguments: ["sedimentary", "a.swift", ".profile", "tmp"])
    func ordinary(file: String) async throws {
        let (hub, place) = try await agreed()
        try place.put("text\n", file)
        try await place.synchronize()
        #expect(await hub.documentNames.contains(name(file)))
    }

    @Test("G09: no document is written through a link that leads elsewhere")
    func link() async throws {
        let hub = TestHub()
        let place = try Place(hub)
        let elsewhere = try Place(hub)
        try FileManager.default.createSymbolicLink(
            atPath: "\(place.folder)/sub", withDestinationPath: elsewhere.folder)
        try await hub.edit("x\n", name("sub/x.txt"))
        try await hub.edit("y\n", name("y.txt"))
        try await place.synchronize()
        #expect(elsewhere.files.isEmpty)
        #expect(place.text("y.txt") == "y\n")
        #expect(place.notices.problems.contains { $0.contains("where a folder should be") })
    }

    @Test("a name that no document can have is told, and holds up no other")
    func badName() async throws {
        let (hub, place) = try await agreed()
        try place.put("x\n", "a\\b.txt")
        try place.put("y\n", "y.txt")
        try await place.synchronize()
        #expect(await hub.documentNames == [doc, name("y.txt")])
        #expect(place.notices.problems.contains { $0.contains("backslash") })
    }

    @Test("a document of the hub gets the folders that it needs")
    func folders() async throws {
        let hub = TestHub()
        let place = try Place(hub)
        try await hub.edit("x\n", name("a/b/c.txt"))
        try await place.synchronize()
        #expect(place.text("a/b/c.txt") == "x\n")
    }

    @Test("a folder that is gone deletes nothing at the hub")
    func gone() async throws {
        let (hub, place) = try await agreed()
        let client = DocumentClient(
            .folder("\(place.folder)/inner"), hub: hub, state: "\(place.folder)/.dovetail/inner",
            clock: place.clock)
        try FileManager.default.createDirectory(
            atPath: "\(place.folder)/inner", withIntermediateDirectories: true)
        try await client.synchronize()
        #expect(place.text("inner/doc.txt") == base)
        try FileManager.default.removeItem(atPath: "\(place.folder)/inner")
        await #expect(throws: FileProblem.self) { try await client.synchronize() }
        #expect(await hub.string() == base)
    }
}

/// The files of the system, among which someone does something between two steps of replacing one.
private final class InterferedFiles: FileSystem {
    private let system = SystemFiles()
    private let step: Int
    private let action: Mutex<(@Sendable () -> Void)?>

    init(step: Int, _ action: @escaping @Sendable () -> Void) {
        self.step = step
        self.action = Mutex(action)
    }

    private func reach(_ step: Int, _ path: String) {
        guard step == self.step, path.contains("/.dovetail-") else { return }
        let action = action.withLock { action in
            defer { action = nil }
            return action
        }
        action?()
    }

    func read(_ path: String) throws(FileProblem) -> [UInt8]? { try system.read(path) }
    func facts(of path: String) throws(FileProblem) -> FileFacts? { try system.facts(of: path) }
    func entries(of folder: String) throws(FileProblem) -> [FileEntry] { try system.entries(of: folder) }
    func makeFolder(_ path: String) throws(FileProblem) { try system.makeFolder(path) }
    func create(_ path: String, with bytes: [UInt8], mode: UInt32?) throws(FileProblem) {
        reach(0, path)
        try system.create(path, with: bytes, mode: mode)
        reach(1, path)
    }
    func rename(_ path: String, to new: String) throws(FileProblem) { try system.rename(path, to: new) }
    func renameNew(_ path: String, to new: String) throws(FileProblem) -> Bool {
        try system.renameNew(path, to: new)
    }
    func exchange(_ path: String, with other: String) throws(FileProblem) -> Bool {
        reach(2, path)
        defer { reach(3, path) }
        return try system.exchange(path, with: other)
    }
    func remove(_ path: String) throws(FileProblem) { try system.remove(path) }
    func lock(_ path: String) throws(FileProblem) -> (any FileLock)? { try system.lock(path) }
    func ignoresCase(in folder: String) -> Bool { system.ignoresCase(in: folder) }
}
