import Dovetail
import DovetailConformance
import DovetailEngine
import Foundation
import GRDB
import Testing

@testable import DovetailSQLite

@Suite("The file of a state store")
struct StateFileTests: StateSuite {
    @Test("is made with its folder, kept out of git, and found again")
    func made() async throws {
        try await withStateFolder { folder in
            let path = folder + "/a/b/.dovetail/job.state"
            let first = try SQLiteStateStore.open(path: path, job: "job")
            let identity = try await first.load().identity
            try await first.run(.agreeing(agreed(1, "a")))
            await first.close()
            let ignored = try String(contentsOfFile: folder + "/a/b/.dovetail/.gitignore", encoding: .utf8)
            #expect(ignored == "*\n")

            let second = try SQLiteStateStore.open(path: path, job: "job")
            #expect(try await second.load().identity == identity)
            #expect(try await second.load().resetReason == nil)
            #expect(try await second.allBase() == [agreed(1, "a")])
            await second.close()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/a/b/.dovetail").count == 2)
        }
    }

    @Test("leaves a folder alone that was there before")
    func folderKept() async throws {
        try await withStateFolder { folder in
            await (try SQLiteStateStore.open(path: folder + "/job.state", job: "job")).close()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["job.state"])
        }
    }

    enum Damage: String, CaseIterable {
        case text, empty, truncated, tableMissing, baseMissing, smallTable

        func inflict(on path: String) throws {
            switch self {
            case .text: try Data("this is not a database".utf8).write(to: URL(fileURLWithPath: path))
            case .empty: try Data().write(to: URL(fileURLWithPath: path))
            case .truncated:
                let whole = try Data(contentsOf: URL(fileURLWithPath: path))
                try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: path))
            case .tableMissing: try change(path, "DROP TABLE conflicts")
            case .baseMissing: try change(path, "DROP TABLE base_1")
            case .smallTable:
                let page = try DatabaseQueue(path: path).read { db in
                    try Int.fetchOne(db, sql: "SELECT rootpage FROM sqlite_master WHERE name = 'runs'")
                }
                var whole = try Data(contentsOf: URL(fileURLWithPath: path))
                let start = (try #require(page) - 1) * 4096
                whole.replaceSubrange(start..<(start + 200), with: repeatElement(0x5a, count: 200))
                try whole.write(to: URL(fileURLWithPath: path))
            }
        }

        private func change(_ path: String, _ sql: String) throws {
            try DatabaseQueue(path: path).write { try $0.execute(sql: sql) }
        }
    }

    @Test(
        "is set aside when it is damaged, and a new one says why until a run has ended well",
        arguments: Damage.allCases)
    func damaged(_ damage: Damage) async throws {
        try await withStateFolder { folder in
            let path = folder + "/job.state"
            let old = try SQLiteStateStore.open(path: path, job: "job")
            let identity = try await old.load().identity
            try await old.run(.agreeing(agreed(1, "a")))
            await old.close()
            try damage.inflict(on: path)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))

            let looking = try SQLiteStateStore.openForReading(path: path, job: "job")
            #expect(try await looking.load().resetReason != nil)
            #expect(try await looking.allBase().isEmpty)
            await looking.close()
            #expect(FileManager.default.fileExists(atPath: path + ".damaged-1") == false)

            let new = try SQLiteStateStore.open(path: path, job: "job")
            let state = try await new.load()
            #expect(state.identity != identity)
            #expect(state.resetReason?.contains("job.state.damaged-1") == true)
            #expect(try await new.baseCount(of: trees) == 0)
            if damage != .baseMissing, damage != .tableMissing {
                #expect(try Data(contentsOf: URL(fileURLWithPath: path + ".damaged-1")) == bytes)
            }
            let failing = try await new.begin(start(1))
            try await new.finish(end(.failed, stamped: false, marked: false), run: failing)
            #expect(try await new.load().resetReason != nil)
            try await new.run(.agreeing(agreed(1, "a")))
            #expect(try await new.load().resetReason == nil)
            await new.close()
        }
    }

    @Test("is named anew for each damaged one, so that none is overwritten")
    func numbered() async throws {
        try await withStateFolder { folder in
            let path = folder + "/job.state"
            for _ in 0..<3 {
                try Data("no".utf8).write(to: URL(fileURLWithPath: path))
                await (try SQLiteStateStore.open(path: path, job: "job")).close()
            }
            for number in 1...3 {
                #expect(FileManager.default.fileExists(atPath: "\(path).damaged-\(number)"))
            }
        }
    }

    @Test("found damaged while the base is read is set aside at the next opening")
    func damagedBase() async throws {
        try await withStateFolder { folder in
            let path = folder + "/job.state"
            let store = try SQLiteStateStore.open(path: path, job: "job")
            var memory = Memory()
            memory.agreed = (0..<5000).map { (trees, agreed(Int64($0), "a tree with a name")) }
            try await store.run(memory)
            await store.close()
            var whole = try Data(contentsOf: URL(fileURLWithPath: path))
            let start = (whole.count / 4096 - 20) * 4096
            whole.replaceSubrange(start..<(start + 4 * 4096), with: repeatElement(0xa5, count: 4 * 4096))
            try whole.write(to: URL(fileURLWithPath: path))

            let damaged = try SQLiteStateStore.open(path: path, job: "job")
            let error = await #expect(throws: StateError.self) { try await damaged.allBase() }
            #expect(error?.description.contains("damaged") == true)
            await damaged.close()
            let new = try SQLiteStateStore.open(path: path, job: "job")
            #expect(try await new.load().resetReason != nil)
            #expect(try await new.baseCount(of: trees) == 0)
            await new.close()
            #expect(!FileManager.default.fileExists(atPath: path + ".suspect"))
        }
    }

    @Test("of another job, another program or a newer Dovetail is refused and left alone")
    func refused() async throws {
        try await withStateFolder { folder in
            let mine = folder + "/mine.state"
            await (try SQLiteStateStore.open(path: mine, job: "mine")).close()
            func refusal(_ path: String, _ words: String) throws {
                let before = try Data(contentsOf: URL(fileURLWithPath: path))
                for open in [SQLiteStateStore.open, SQLiteStateStore.openForReading] {
                    let error = #expect(throws: StateError.self) { _ = try open(path, "other") }
                    #expect(error?.description.contains(words) == true, "\(String(describing: error))")
                }
                #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
                #expect(!FileManager.default.fileExists(atPath: path + ".damaged-1"))
            }
            // The first opening turns the log on, which changes two bytes.
            #expect(throws: StateError.self) { _ = try SQLiteStateStore.open(path: mine, job: "other") }
            try refusal(mine, "it belongs to the job “mine”")

            let foreign = folder + "/map.gpkg"
            let queue = try DatabaseQueue(path: foreign)
            try await queue.write {
                try $0.execute(sql: "CREATE TABLE t (a); PRAGMA application_id = 1196444487")
            }
            try queue.close()
            try refusal(foreign, "another program")

            let newer = try DatabaseQueue(path: mine)
            try await newer.write { try $0.execute(sql: "PRAGMA user_version = 99") }
            try newer.close()
            try refusal(mine, "upgrade Dovetail")
        }
    }

    @Test("can't be made where we have no rights, and that is said")
    func forbidden() async throws {
        try await withStateFolder { folder in
            try Data().write(to: URL(fileURLWithPath: folder + "/file"))
            let error = #expect(throws: StateError.self) {
                _ = try SQLiteStateStore.open(path: folder + "/file/.dovetail/job.state", job: "job")
            }
            guard case .forbidden? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test("opened for reading shows an empty state where there is none, and makes nothing")
    func absent() async throws {
        try await withStateFolder { folder in
            let path = folder + "/.dovetail/job.state"
            let store = try SQLiteStateStore.openForReading(path: path, job: "job")
            #expect(try await store.load().generation == 0)
            #expect(try await store.allBase().isEmpty)
            #expect(try await store.pendingKeys(of: trees).isEmpty)
            #expect(try await store.runs(limit: 5).isEmpty)
            await #expect(throws: StateError.self) { _ = try await store.begin(start(1)) }
            await #expect(throws: StateError.self) { try await store.noteQuiet(at: 1, cursors: [:]) }
            await store.close()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test("that can't grow leaves the store as it was, and usable")
    func full() async throws {
        try await withStateFolder { folder in
            let store = try SQLiteStateStore.open(path: folder + "/job.state", job: "job")
            try await store.run(.agreeing(agreed(1, "a")))
            let run = try await store.begin(start(2))
            try await store.perform { db in
                let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
                try db.execute(sql: "PRAGMA max_page_count = \(pages + 5)")
            }
            var memory = Memory()
            memory.agreed = (0..<5000).map { (trees, agreed(Int64($0), "a tree with a name")) }
            let error = await #expect(throws: StateError.self) { try await store.remember(memory, run: run) }
            guard case .full? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(try await store.allBase() == [agreed(1, "a")])
            try await store.remember(.agreeing(agreed(2, "b")), run: run)
            #expect(try await store.baseCount(of: trees) == 2)
            try await store.perform { try $0.execute(sql: "PRAGMA max_page_count = 1000000") }
            try await store.remember(memory, run: run)
            try await store.finish(end(), run: run)
            #expect(try await store.baseCount(of: trees) == 5000)
            await store.close()
        }
    }

}
