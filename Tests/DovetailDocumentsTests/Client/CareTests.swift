import Dovetail
import DovetailDocuments
import DovetailSimulation
import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("Files that others have their hands on")
struct CareTests {
    // MARK: Names in several forms of Unicode

    private static let (one, other) = ("e\u{301}.md", "\u{e9}.md")

    @Test("a file whose name gets another form of Unicode is the same document", arguments: [false, true])
    func renamed(watching: Bool) async throws {
        let hub = TestHub()
        let place = try Place(hub)
        try place.put("v1\n", Self.one)
        try await place.synchronize()
        let document = name(Self.one)
        #expect(rename("\(place.folder)/\(Self.one)", "\(place.folder)/\(Self.other)") == 0)
        try await place.synchronize()
        #expect(await hub.log(of: document).count == 1)
        try place.put("v2\n", Self.other)
        try await place.synchronize()
        #expect(await hub.string(document) == "v2\n")
        try await hub.edit("v3\n", document)
        try await place.synchronize()
        #expect(place.text(Self.other) == "v3\n" && place.files.count == 1)
    }

    @Test("of two forms of one name the other is left alone, and stands in when the first is removed")
    func twoForms() async throws {
        let hub = TestHub()
        let place = try Place(hub)
        try place.put("v1\n", Self.one)
        try await place.synchronize()
        try place.put("other\n", Self.other)
        try await place.synchronize()
        #expect(place.notices.problems.contains { $0.contains("two forms of Unicode") })
        #expect(await hub.string(name(Self.one)) == "v1\n")
        try place.put(nil as String?, Self.one)
        try await place.synchronize()
        #expect(await hub.string(name(Self.one)) == "other\n")
    }

    @Test("a name that is no text is told of")
    func noText() async throws {
        let (_, place) = try await agreed()
        let path = Array("\(place.folder)/caf".utf8) + [0xe9, 0]
        let made = path.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { $0.baseAddress.map { creat($0, 0o600) } ?? -1 }
        }
        #expect(made >= 0)
        close(made)
        try await place.synchronize()
        #expect(place.notices.problems.contains { $0.contains("not UTF-8") })
        unlink(path.map { CChar(bitPattern: $0) })
    }

    // MARK: Programs and rights

    #if os(Linux)
        @Test("a file that a program holds open to write to is replaced once that has closed it")
        func held() async throws {
            let (hub, place) = try await agreed(merge: .append)
            let program = try #require(FileHandle(forWritingAtPath: "\(place.folder)/doc.txt"))
            _ = try program.seekToEnd()
            try program.write(contentsOf: Data("job started\n".utf8))
            try await hub.edit(base + "other\n")
            try await place.synchronize()
            #expect(place.notices.problems.contains { $0.contains("held open") })
            try program.write(contentsOf: Data("result 42\n".utf8))
            try program.close()
            try await place.synchronize()
            #expect(place.text() == base + "other\njob started\nresult 42\n")
            #expect(await hub.string() == place.text())
        }

        @Test("a reader holds up nothing")
        func read() async throws {
            let (hub, place) = try await agreed()
            let reader = try #require(FileHandle(forReadingAtPath: "\(place.folder)/doc.txt"))
            try await hub.edit(base + "more\n")
            try await place.synchronize()
            #expect(place.text() == base + "more\n")
            try reader.close()
        }
    #endif

    @Test("a file keeps its owner and its rights", .enabled(if: geteuid() == 0))
    func owner() async throws {
        let (hub, place) = try await agreed()
        let path = "\(place.folder)/doc.txt"
        #expect(chmod(path, 0o640) == 0 && chown(path, 65534, 65534) == 0)
        try await hub.edit(base + "more\n")
        try await place.synchronize()
        var facts = stat()
        #expect(lstat(path, &facts) == 0 && place.text() == base + "more\n")
        #expect(facts.st_uid == 65534 && facts.st_gid == 65534 && facts.st_mode & 0o7777 == 0o640)
    }

    @Test("a folder that can't be looked into holds up only what is in it, and deletes nothing")
    func closed() async throws {
        let hub = TestHub()
        let place = try Place(hub)
        try place.put("a\n", "a.txt")
        try place.put("b\n", "sub/b.txt")
        try await place.synchronize()
        try place.put("a2\n", "a.txt")
        try await place.synchronize(files: Unlistable("\(place.folder)/sub"))
        #expect(await hub.string(name("a.txt")) == "a2\n")
        #expect(await hub.string(name("sub/b.txt")) == "b\n")
        #expect(place.notices.problems.contains { $0.contains("sub") })
    }

    @Test("a status tells of every document, also beside one that can't be read")
    func status() async throws {
        let hub = TestHub()
        let place = try Place(hub)
        for name in ["a.txt", "b.txt", "c.txt"] { try place.put("x\n", name) }
        try await place.synchronize()
        try FileManager.default.removeItem(atPath: "\(place.folder)/b.txt")
        try FileManager.default.createDirectory(
            atPath: "\(place.folder)/b.txt", withIntermediateDirectories: false)
        let status = try await place.client().status()
        #expect(status.documents.count == 3)
        #expect(status.documents.map { $0.problem != nil } == [false, true, false])
    }

    @Test("a status says that files which are all gone are taken for mislaid")
    func mislaid() async throws {
        let hub = TestHub()
        let place = try Place(hub)
        for name in ["a.txt", "b.txt", "c.txt"] { try place.put("x\n", name) }
        try await place.synchronize()
        for name in ["a.txt", "b.txt", "c.txt"] { try place.put(nil as String?, name) }
        let status = try await place.client().status()
        #expect(status.documents.allSatisfy { $0.problem?.contains("gone from") ?? false })
    }

    // MARK: Decisions

    @Test("lines that were saved after a whole text was decided go on top of it")
    func later() async throws {
        let (hub, place) = try await agreed()
        try await hub.edit("S1\nl2\nl3\nl4\nl5\n")
        try place.put("C1\nl2\nl3\nl4\nl5\n")
        try await place.synchronize()
        try await place.client().resolve(doc, as: .text(Array("new\nl2\nl3\nl4\nl5\n".utf8)))
        try place.put("C1\nl2\nl3\nl4\nl5\nLATER\n")
        try await place.synchronize()
        #expect(place.text() == "new\nl2\nl3\nl4\nl5\nLATER\n")
        #expect(await hub.string() == place.text())
    }

    @Test("two texts without lines can't both be decided for, here or at the hub")
    func noLines() async throws {
        let hub = TestHub()
        let place = try Place(hub)
        try place.put("A\0base")
        try await place.synchronize()
        try await hub.edit("A\0EVA")
        try place.put("A\0BO")
        try await place.synchronize()
        await #expect(throws: DocumentClient.CannotBeBoth.self) {
            try await place.client().resolve(doc, as: .both)
        }
        let id = try #require(try await hub.conflicts().first?.id)
        await #expect(throws: HubError.self) { try await hub.resolve(id, as: .both) }
        try await place.synchronize()
        #expect(place.text() == "A\0BO")
        #expect(await hub.string() == "A\0EVA")
    }

    @Test("a file in conflict that is deleted comes back, says so, and what it held is in the trash")
    func deleted() async throws {
        let (hub, place) = try await agreed()
        try await hub.edit("S1\nl2\nl3\nl4\nl5\n")
        try place.put("C1\nl2\nl3\nl4\nl5\n")
        try await place.synchronize()
        try place.put(nil as String?)
        try await place.synchronize()
        #expect(place.text() == "S1\nl2\nl3\nl4\nl5\n")
        let reasons = place.notices.all.compactMap { notice -> Agreement.Reason? in
            if case .conflict(_, _, let reason) = notice { reason } else { nil }
        }
        #expect(reasons == [.lines, .deletedHere])
        #expect(place.kept(in: "trash") == ["C1\nl2\nl3\nl4\nl5\n"])
    }

    @Test("a refused text is told of once")
    func refused() async throws {
        let hub = TestHub()
        var rules = DocumentRules(merge: .lines)
        rules.largest = 5
        await hub.set(rules, of: doc)
        let place = try Place(hub)
        try place.put("too much\n")
        try await place.synchronize()
        #expect(place.notices.all.count == 1)
    }
}

/// The files of the system, but for one folder that can't be listed.
private struct Unlistable: FileSystem {
    private let system = SystemFiles()
    private let closed: String

    init(_ closed: String) { self.closed = closed }

    func entries(of folder: String) throws(FileProblem) -> [FileEntry] {
        if folder == closed { throw FileProblem(.forbidden, "\(folder) can't be listed; check its rights") }
        return try system.entries(of: folder)
    }
    func read(_ path: String) throws(FileProblem) -> [UInt8]? { try system.read(path) }
    func facts(of path: String) throws(FileProblem) -> FileFacts? { try system.facts(of: path) }
    func makeFolder(_ path: String) throws(FileProblem) { try system.makeFolder(path) }
    func create(_ path: String, with bytes: [UInt8], mode: UInt32?) throws(FileProblem) {
        try system.create(path, with: bytes, mode: mode)
    }
    func rename(_ path: String, to new: String) throws(FileProblem) { try system.rename(path, to: new) }
    func renameNew(_ path: String, to new: String) throws(FileProblem) -> Bool {
        try system.renameNew(path, to: new)
    }
    func exchange(_ path: String, with other: String) throws(FileProblem) -> Bool {
        try system.exchange(path, with: other)
    }
    func remove(_ path: String) throws(FileProblem) { try system.remove(path) }
    func lock(_ path: String) throws(FileProblem) -> (any FileLock)? { try system.lock(path) }
    func ignoresCase(in folder: String) -> Bool { system.ignoresCase(in: folder) }
}
