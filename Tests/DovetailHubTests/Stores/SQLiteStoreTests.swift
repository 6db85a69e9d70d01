import Dovetail
import DovetailDocuments
import Foundation
import Testing

@testable import DovetailHub

@Suite("The hub's file")
struct SQLiteStoreTests {
    private let set = "notes"

    @Test("is one hub's at a time (F10)")
    func locked() async throws {
        try await withFolder { folder in
            let path = folder + "/hub.db"
            let first = try await SQLiteCommitStore.open(path)
            #expect(await kind { _ = try await SQLiteCommitStore.open(path) } == .unavailable)
            let link = folder + "/link.db"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
            #expect(await kind { _ = try await SQLiteCommitStore.open(link) } == .unavailable)
            await first.close()
            await (try SQLiteCommitStore.open(link)).close()
        }
    }

    @Test("is for its owner only, and nobody else's")
    func rights() async throws {
        try await withFolder { folder in
            let path = folder + "/hub.db"
            await (try SQLiteCommitStore.open(path)).close()
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            #expect(
                await kind { _ = try await SQLiteCommitStore.open(folder + "/none/hub.db") } == .unavailable)
            let text = folder + "/text"
            try Data("this is no database, and stays as it is".utf8).write(to: URL(fileURLWithPath: text))
            #expect(await kind { _ = try await SQLiteCommitStore.open(text) } == .damaged)
            #expect(
                try String(contentsOfFile: text, encoding: .utf8) == "this is no database, and stays as it is"
            )
        }
    }

    @Test("waits for the disk with each commit")
    func synchronous() async throws {
        try await withFolder { folder in
            let store = try await SQLiteCommitStore.open(folder + "/hub.db")
            #expect(try await store.setting("synchronous") == 2)
            await store.close()
        }
    }

    /// What a crash leaves is what stood in the files at some moment, and a copy is that too.
    @Test("copied at any moment has every commit that was acknowledged before, whole (F03)")
    func crash() async throws {
        try await withFolder { folder in
            let store = try await SQLiteCommitStore.open(folder + "/hub.db")
            // The log is not written back meanwhile: a copy of both files would then be no moment of any disk.
            _ = try await store.setting("wal_autocheckpoint = 0")
            let hub = DocumentHub(store: store, settings: HubSettings(commitsPerSnapshot: 7))
            let access = hub.access(to: set, as: "anna", mayWrite: true)
            try await access.save("start\n")
            let writer = Task {
                for number in 1...150 {
                    try await access.save(String(repeating: "line \(number)\n", count: 50))
                }
            }
            for number in 0..<12 {
                try await Task.sleep(for: .milliseconds(10))
                let acknowledged = try await access.head().position.sequence
                let copy = folder + "/copy\(number).db"
                // The log first: what it has and the file has not yet is then in the copy, as after a crash.
                for suffix in ["-wal", ""] {
                    try? FileManager.default.copyItem(
                        atPath: folder + "/hub.db" + suffix, toPath: copy + suffix)
                }
                let found = try await SQLiteCommitStore.open(copy)
                let report = try await DocumentHub(store: found).verify()
                #expect(report.damages.isEmpty)
                #expect(report.commits >= acknowledged)
                await found.close()
            }
            try await writer.value
            await store.close()
        }
    }

    @Test("on a full disk changes nothing, and goes on when there is room (F14)")
    func full() async throws {
        try await withFolder { folder in
            let store = try await SQLiteCommitStore.open(folder + "/hub.db")
            let hub = DocumentHub(store: store)
            let access = hub.access(to: set, as: "anna", mayWrite: true)
            try await access.save("small\n")
            let head = try await access.head()
            try await store.limit(toPages: try await store.setting("page_count") + 4)
            var random = SystemRandomNumberGenerator()
            let large = (0..<20_000).map { _ in String(random.next(), radix: 36) }.joined(separator: "\n")
            #expect(await kind { try await access.save(large) } == .unavailable)
            #expect(try await access.head() == head)
            #expect(try await hub.verify().damages.isEmpty)
            try await store.limit(toPages: 1_000_000)
            #expect(try await access.save(large) == 2)
            await store.close()
        }
    }

    @Test("with a flipped bit gives no wrong text (F05)", arguments: 0..<40)
    func bitFlip(seed: Int) async throws {
        try await withFolder { folder in
            let path = folder + "/hub.db"
            var store = try await SQLiteCommitStore.open(path)
            let texts = (1...30).map { "line \($0)\n" + String(repeating: "\($0) ", count: 60) + "\n" }
            let access = DocumentHub(store: store, settings: HubSettings(commitsPerSnapshot: 10))
                .access(to: set, as: "anna", mayWrite: true)
            for text in texts { try await access.save(text) }
            await store.close()

            let url = URL(fileURLWithPath: path)
            var bytes = try Data(contentsOf: url)
            let place = (bytes.count / 41) * (seed + 1)
            bytes[place] ^= UInt8(1 << (seed % 8))
            try bytes.write(to: url)

            // It can't be opened, says that it is damaged, or gives what was written.
            guard let opened = try? await SQLiteCommitStore.open(path) else { return }
            store = opened
            let reader = DocumentHub(store: store).access(to: set, as: "anna", mayWrite: false)
            for (number, text) in texts.enumerated() {
                guard let found = try? await reader.text(of: page, at: Int64(number + 1)) else { continue }
                #expect(found.text == Array(text.utf8))
            }
            await store.close()
        }
    }

    @Test("takes many commits at once with few waits for the disk")
    func together() async throws {
        try await withFolder { folder in
            let store = try await SQLiteCommitStore.open(folder + "/hub.db")
            let hub = DocumentHub(store: store)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        let access = hub.access(to: set, as: "c\(number)", mayWrite: true)
                        for round in 0..<5 { try await access.save("\(round)", to: storedName("d\(number)")) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await hub.verify().commits == 200)
            await store.close()
        }
    }
}
