import Dovetail
import DovetailEngine
import DovetailMemory
import DovetailPrograms
import Foundation
import Synchronization
import Testing

@Suite("A program in another language")
struct ProgramTests {
    private let table = JobTable(
        TableSchema(
            "things", fields: [Field("id", .int), Field("size", .double), Field("day", .date)],
            identity: .match(["id"])))
    private var view: TableView { table.views.left }

    private func snapshot(_ replica: ProgramReplica) async throws -> [Record] {
        let look = try await replica.observe()
        let cursor = try await look.snapshot(of: view)
        var records: [Record] = []
        while let batch = try await cursor.next() { records += batch.records() }
        await look.finish()
        return records
    }

    @Test("plain values are what the type of their column says, and records are put in order")
    func plain() async throws {
        let script = try Script.answering(
            #"answer({"records": [[2, 1, "2026-03-01"], [1, 1.5, None]], "more": 5} if ask == "snapshot" else {"records": [[0, {"double": "0.5"}, {"date": "2026-03-02"}]]})"#
        )
        let replica = script.replica()
        let day = try #require(CalendarDate(iso: "2026-03-01"))
        let values = try await snapshot(replica).map { try $0.fields.values() }
        #expect(
            values == [
                [.int(0), .double(0.5), .date(CalendarDate(days: day.days + 1))],
                [.int(1), .double(1.5), .null], [.int(2), .double(1), .date(day)],
            ])
        let look = try await replica.observe()
        let key = RecordKey([Value.int(2)])
        #expect(try await look.read([RecordReference(key: key)], of: view).map(\.key) == [key])
        #expect(try await !look.isEmpty(view))
        #expect(try await look.identity(job: "x") == ReplicaIdentity(marks: []))
        #expect(try await look.feedPosition(of: view) == nil)
        await replica.close()
    }

    @Test(
        "what goes wrong is said once, in words",
        arguments: [
            (
                "print('Hello!', flush=True)",
                "the program wrote “Hello!”, which is no answer; nothing but answers goes to stdout"
            ),
            (
                "os.kill(os.getpid(), signal.SIGKILL)",
                "the program ended before it answered “snapshot”: it was killed by signal 9"
            ),
            (
                "sys.exit('no network today')",
                "the program ended before it answered “snapshot”: it ended with exit status 1; it said: no network today"
            ),
            (
                "answer({'records': [[1, 2]]})",
                "a record of “things” with 2 values where 3 were asked for: id, size, day"
            ),
            ("answer({'records': 5})", "an answer that can't be read: records: "),
            ("answer({})", "the program answered “snapshot” without “records”"),
            (
                "print(json.dumps({'id': 99}), flush=True)",
                "the program answered request 99 where 3 was asked"
            ),
            (
                "answer({'error': {'kind': 'locked', 'message': 'someone else is at it'}})",
                "script: someone else is at it"
            ),
            ("answer({'error': {'kind': 'unsupported'}})", "does not know “snapshot”, which each has to"),
            ("time.sleep(60)", "did not answer “snapshot” for 5 seconds, and was stopped"),
        ])
    func wrong(line: String, words: String) async throws {
        let script = try Script.answering(line)
        let replica = script.replica(patience: .seconds(5))
        let said = await complaint { _ = try await snapshot(replica) }
        #expect(said.contains(words), "\(said)")
        await replica.close()
    }

    @Test("a program of another version is refused, whichever side is older")
    func version() async throws {
        for hello in [#"{"dovetail": 2}"#, "{}"] {
            let script = try Script.answering("pass", hello: hello)
            let said = await complaint { _ = try await script.replica().describe() }
            #expect(said.contains("version") && said.contains("build both"), "\(said)")
        }
    }

    @Test("what is no program is said to be none")
    func none() async throws {
        let script = try Script("print(1)")
        func said(_ path: String) async -> String {
            await complaint {
                _ = try await ProgramReplica(path: path, directory: script.folder.path).describe()
            }
        }
        #expect(await said("/nowhere/at/all").contains("no such program: /nowhere/at/all"))
        #expect(await said(script.path("program.py")).contains("chmod +x"))
        #expect(await said(script.folder.path).contains("is no program; name a file"))
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: script.path("program.py"))
        let words = await said(script.path("program.py"))
        #expect(words.contains("#!/usr/bin/env python3"), "\(words)")
    }

    #if os(Linux)
        @Test("a program that was just written, and is open for a moment still, is waited for")
        func justWritten() async throws {
            let script = try Script.answering("pass", hello: #"{"dovetail": 2}"#)
            let writer = try #require(FileHandle(forUpdatingAtPath: script.path("program.py")))
            let closing = Task {
                try await Task.sleep(for: .milliseconds(150))
                try writer.close()
            }
            let said = await complaint { _ = try await script.replica().describe() }
            #expect(said.contains("version"), "\(said)")
            try await closing.value
        }
    #endif

    @Test("a program that is at work says so, and has as long as it needs")
    func busy() async throws {
        let script = try Script.answering(
            "[(time.sleep(0.7), answer({'busy': True})) for _ in range(10)]; answer({'records': []})")
        let replica = script.replica(patience: .seconds(5))
        #expect(try await snapshot(replica).isEmpty)
        await replica.close()
    }

    @Test("without “apply” nothing is written, and conditions are refused where they would not be heeded")
    func abilities() async throws {
        let script = try Script.answering("answer({'error': {'kind': 'unsupported'}})")
        let replica = script.replica()
        let said = await complaint { _ = try await replica.apply([], to: view) }
        #expect(said.contains("does not know “apply”"))
        var narrow = view
        narrow.filter = "id > 1"
        let look = try await replica.observe()
        #expect(await complaint { _ = try await look.isEmpty(narrow) }.contains("no language for conditions"))
        var converting = view
        converting.columns[1].conversion = .text
        #expect(await complaint { _ = try await look.snapshot(of: converting) }.contains("does not convert"))
        await replica.close()
    }

    @Test("what a program says that it can is asked of it, and words of later versions are passed over")
    func able() async throws {
        let script = try Script.answering(
            "answer({'records': []} if request['view'].get('condition') == 'id > 1' else {'records': 5})",
            hello: #"{"dovetail": 1, "can": ["order", "conditions", "telepathy"], "more to come": {}}"#)
        let replica = script.replica()
        var narrow = view
        narrow.filter = "id > 1"
        #expect(try await replica.observe().isEmpty(narrow))
        await replica.close()
    }

    @Test("both write a line that no pipe holds, and neither waits for the other")
    func large() async throws {
        let script = try Script.answering(
            "answer({'outcomes': [{'outcome': 'rejected', 'reason': 'x' * 1000} for _ in request['writes']]})"
        )
        let replica = script.replica()
        let writes = (0..<5000).map { id in
            let record = PackedRecord([.int(Int64(id)), .double(0.5), .null])
            return ReplicaWrite(key: RecordKey([Value.int(Int64(id))]), expected: nil, write: .insert(record))
        }
        #expect(try await replica.apply(writes, to: view).outcomes.count == 5000)
        await replica.close()
    }

    @Test("a program ends with its replica, and one that does not is stopped")
    func ends() async throws {
        for stubborn in [
            "", "; signal.signal(signal.SIGTERM, signal.SIG_IGN); sys.stdin.close(); time.sleep(60)",
        ] {
            let script = try Script.answering(
                "open('pid', 'w').write(str(os.getpid())); answer({'records': []})\(stubborn)")
            let replica = script.replica()
            _ = try await snapshot(replica)
            let process = try #require(Int32(String(contentsOfFile: script.path("pid"), encoding: .utf8)))
            #expect(kill(process, 0) == 0)
            let clock = ContinuousClock.now
            await replica.close()
            #expect(kill(process, 0) != 0)
            #expect(ContinuousClock.now - clock < .seconds(20))
            #expect(await complaint { _ = try await replica.describe() }.contains("closed already"))
        }
    }

    @Test("a cancelled question is taken back; a program that goes on all the same is stopped")
    func cancelled() async throws {
        let script = try Script.answering("open('begun', 'w'); time.sleep(60)")
        let replica = script.replica()
        let task = Task { try await snapshot(replica) }
        while !FileManager.default.fileExists(atPath: script.path("begun")) {
            try await Task.sleep(for: .milliseconds(10))
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(await complaint { _ = try await replica.describe() }.contains("was stopped"))
        await replica.close()
    }
}

@Suite("A server for a replica")
struct ServerTests {
    @Test("cancelling cancels what the replica does, and it goes on to be of use")
    func cancelled() async throws {
        let slow = SlowReplica()
        let replica = try piped(slow)
        let task = Task { try await replica.describe() }
        while !slow.isBusy { try await Task.sleep(for: .milliseconds(5)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await replica.stamp(ReplicaMark(job: "x", side: .left, state: "s", generation: 1)))
        await replica.close()
    }

    @Test("many ask at once, and each has its own answer")
    func concurrent() async throws {
        let memory = MemoryReplica(
            tables: (0..<20).map {
                var table = MemoryTable(
                    TableDescription(
                        name: "t\($0)", columns: [ColumnDescription(name: "id", type: .int)],
                        primaryKey: ["id"]))
                for id in 0..<100 { table.insert(["id": .int(Int64(1000 * $0 + id))]) }
                return table
            })
        let replica = try piped(memory)
        let look = try await replica.observe()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let schema = TableSchema(
                        "t\(number)", fields: [Field("id", .int)], identity: .match(["id"]))
                    let cursor = try await look.snapshot(of: JobTable(schema).views.left)
                    var count = 0
                    while let batch = try await cursor.next() {
                        for record in batch.records() {
                            #expect(try record.fields.value(at: 0) == .int(Int64(1000 * number + count)))
                            count += 1
                        }
                    }
                    #expect(count == 100)
                }
            }
            try await group.waitForAll()
        }
        await replica.close()
    }
}

/// Does nothing until it is cancelled.
private final class SlowReplica: Replica {
    private let busy = Mutex(false)
    var isBusy: Bool { busy.withLock { $0 } }
    let name = "slow"

    func describe() async throws -> [TableDescription] {
        busy.withLock { $0 = true }
        try await Task.sleep(for: .seconds(60))
        return []
    }

    func observe() async throws -> any Observation { throw ReplicaError(.failed, replica: name, "not here") }
    func prepare(_ views: [TableView]) async throws {}
    func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        ApplyResult(outcomes: [])
    }
    func stamp(_ mark: ReplicaMark) async throws -> Bool { true }
    func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {}
    func close() async {}
}
