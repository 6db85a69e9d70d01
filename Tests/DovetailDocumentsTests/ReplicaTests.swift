import Dovetail
import DovetailDocuments
import DovetailEngine
import Foundation
import Testing

/// A folder and a hub as the two sides of a job, on the ordinary engine.
@Suite("Documents as a table")
struct ReplicaTests {
    private static let schema = TableSchema(
        "documents", fields: [Field("path", .text), Field("text", .text)], identity: .match(["path"]))

    /// A folder and a set at a hub that are synced with each other.
    private final class Pair {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        let hub = DocumentHub(store: MemoryCommitStore())
        let state = MemoryStateStore()
        let synchronizer: Synchronizer

        init(conflicts: ConflictPolicy = .merge) throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let access = hub.access(to: "notes", as: "sync", mayWrite: true)
            let job = SyncJob(
                name: "notes",
                replicas: Sides(
                    left: DocumentReplica(folder: folder.path, name: "folder"),
                    right: DocumentReplica(name: "hub") { access }),
                tables: [
                    JobTable(
                        ReplicaTests.schema, rules: TableRules(conflicts: conflicts), wantsChangeFeed: true)
                ])
            synchronizer = Synchronizer(
                job: job, state: state,
                owner: LockOwner(process: 1, host: "here", user: "", command: "sync", since: 0), clock: { 0 })
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func write(_ name: String, _ text: String?) throws {
            let url = folder.appendingPathComponent(name)
            guard let text else { return try FileManager.default.removeItem(at: url) }
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }

        func file(_ name: String) -> String? {
            (try? Data(contentsOf: folder.appendingPathComponent(name))).map {
                String(decoding: $0, as: UTF8.self)
            }
        }

        /// What a person commits at the hub.
        func commit(_ name: String, _ text: String?) async throws {
            let access = hub.access(to: "notes", as: "eva", mayWrite: true)
            let document = try DocumentName(name)
            let head = try? await access.text(of: document, at: nil)
            let after = text.map { Array($0.utf8) }
            var random = SystemRandomNumberGenerator()
            let answer = try await access.push(
                CommitDraft(
                    document: document,
                    parent: LogPosition(
                        epoch: try await access.documents().epoch, sequence: head?.position.sequence ?? 0),
                    parentHash: head?.hash, result: after.map { TextHash(of: $0) },
                    delta: after.map { TextDelta(from: head?.text ?? [], to: $0).encoded() } ?? [],
                    key: .random(using: &random)))
            guard case .committed = answer else { throw HubError(.busy, "not committed") }
        }

        func text(_ name: String) async throws -> String? {
            try await hub.access(to: "notes", as: "eva", mayWrite: false).text(
                of: DocumentName(name), at: nil
            ).text
                .map { String(decoding: $0, as: UTF8.self) }
        }
    }

    @Test("are planned, synced and proven like any other, and a second run has nothing to do")
    func bothWays() async throws {
        let pair = try Pair()
        try pair.write("a.txt", "one\n")
        try pair.write("deep/b.txt", "two\n")
        try pair.write(".a.txt.swp", "of an editor")
        try await pair.commit("c.txt", "three\n")
        let plan = try await pair.synchronizer.plan()
        #expect(plan.counts["documents"]?.right.inserts == 2 && plan.counts["documents"]?.left.inserts == 1)
        #expect(pair.file("c.txt") == nil)
        #expect(try await pair.synchronizer.sync().status == .agreed)
        #expect(pair.file("c.txt") == "three\n")
        #expect(try await pair.text("deep/b.txt") == "two\n")
        #expect(try await pair.synchronizer.sync().run == nil)

        try pair.write("a.txt", "one\nhere\n")
        try await pair.commit("deep/b.txt", "two\nthere\n")
        try pair.write("c.txt", nil)
        #expect(try await pair.synchronizer.sync(allowing: [.deletes]).status == .agreed)
        #expect(try await pair.text("a.txt") == "one\nhere\n")
        #expect(pair.file("deep/b.txt") == "two\nthere\n")
        #expect(try await pair.text("c.txt") == nil)
        let log = try await pair.hub.access(to: "notes", as: "eva", mayWrite: false)
            .log(of: DocumentName("a.txt"), before: nil, limit: 10)
        #expect(log.map(\.author) == ["sync", "sync"])
    }

    @Test("deleted at the hub go to the trash of the folder, also where there was never a client")
    func deleted() async throws {
        let pair = try Pair()
        try pair.write("a.txt", "one\n")
        try pair.write("b.txt", "two\n")
        #expect(try await pair.synchronizer.sync().status == .agreed)
        try await pair.commit("a.txt", nil)
        #expect(try await pair.synchronizer.sync(allowing: [.deletes]).status == .agreed)
        #expect(pair.file("a.txt") == nil && pair.file("b.txt") == "two\n")
        let trash = pair.folder.appendingPathComponent(".dovetail/documents/folder/trash").path
        let kept = try FileManager.default.contentsOfDirectory(atPath: trash)
        #expect(kept.count == 1 && kept.first?.hasSuffix("a.txt") == true)
        #expect(try await pair.synchronizer.sync().run == nil)
    }

    @Test("edited on both sides are merged by line, and what can't be merged waits with both texts")
    func merged() async throws {
        let pair = try Pair()
        try pair.write("a.txt", "1\n2\n3\n4\n5\n")
        try pair.write("b.txt", "x\n")
        _ = try await pair.synchronizer.sync()
        try pair.write("a.txt", "one\n2\n3\n4\n5\n")
        try await pair.commit("a.txt", "1\n2\n3\n4\nfive\n")
        try pair.write("b.txt", "mine\n")
        try await pair.commit("b.txt", "theirs\n")
        let result = try await pair.synchronizer.sync()
        #expect(result.conflicts == 1)
        #expect(pair.file("a.txt") == "one\n2\n3\n4\nfive\n")
        #expect(try await pair.text("a.txt") == "one\n2\n3\n4\nfive\n")
        #expect(pair.file("b.txt") == "mine\n")
        #expect(try await pair.text("b.txt") == "theirs\n")
    }

    @Test("that the hub refuses are set aside with its reason, and the others go through")
    func refused() async throws {
        let store = MemoryCommitStore()
        let rules = RuleBook([.init(pattern: "*.ascii", rules: DocumentRules(characters: .ascii))])
        let hub = DocumentHub(store: store, settings: HubSettings(rules: rules))
        let replica = DocumentReplica(name: "hub") { hub.access(to: "notes", as: "sync", mayWrite: true) }
        let view = JobTable(Self.schema).views.right
        func insert(_ path: String, _ text: String) -> ReplicaWrite {
            ReplicaWrite(
                key: RecordKey([.text(path)]), expected: nil,
                write: .insert(PackedRecord([.text(path), .text(text)])))
        }
        let outcomes = try await replica.apply(
            [insert("x.ascii", "grün"), insert("y.ascii", "green"), insert("../z", "out")], to: view
        ).outcomes
        guard case .rejected = outcomes[0], case .applied = outcomes[1], case .rejected = outcomes[2] else {
            Issue.record("\(outcomes)")
            return
        }
        await replica.close()
    }

    @Test("of a folder that is not there are refused in words")
    func missing() async throws {
        let replica = DocumentReplica(folder: "/nowhere/at/all", name: "folder")
        await #expect(throws: ReplicaError.self) { try await replica.describe() }
    }
}
