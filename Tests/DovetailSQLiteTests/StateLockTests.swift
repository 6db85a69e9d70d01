import Dovetail
import DovetailConformance
import DovetailEngine
import Foundation
import Testing

@testable import DovetailSQLite

@Suite("The lock of a job")
struct StateLockTests: StateSuite {
    @Test("is not inherited by programs that are started meanwhile")
    func inherited() async throws {
        try await withStateFolder { folder in
            let path = folder + "/job.state"
            let first = try SQLiteStateStore.open(path: path, job: "job")
            try await first.lock(as: me, patience: 0)
            let child = try program("/bin/sleep", ["60"])
            defer { kill(child.processIdentifier, SIGKILL) }
            await first.close()
            let second = try SQLiteStateStore.open(path: path, job: "job")
            try await second.lock(as: other, patience: 0)
            await second.close()

            guard case .taken(let lock) = try LockFile.take(path + ".lock", owner: me, store: path) else {
                Issue.record("the lock is held")
                return
            }
            #expect(lock.isClosedOnExec)
        }
    }

    @Test("is never forced from a damaged file's user")
    func damagedInUse() async throws {
        try await withStateFolder { folder in
            let path = folder + "/job.state"
            let first = try SQLiteStateStore.open(path: path, job: "job")
            try await first.lock(as: me, patience: 0)
            try FileManager.default.removeItem(atPath: path)
            try Data("damage".utf8).write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: StateError.self) {
                _ = try SQLiteStateStore.open(path: path, job: "job")
            }
            guard case .locked(let owner)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(owner == me)
            await first.close()
        }
    }

    @Test(
        "held by a living process is respected, and taken over when that is killed",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/flock")))
    func takenOver() async throws {
        try await withStateFolder { folder in
            let path = folder + "/job.state"
            let store = try SQLiteStateStore.open(path: path, job: "job")
            try JSONEncoder().encode(other).write(to: URL(fileURLWithPath: path + ".lock"))
            let child = try program(
                "/usr/bin/flock", ["--no-fork", "--exclusive", path + ".lock", "sleep", "3600"])
            defer { kill(child.processIdentifier, SIGKILL) }
            for _ in 0..<6000 where !LockFile.isHeld(path + ".lock").held {
                try await Task.sleep(for: .milliseconds(10))
            }
            let error = await #expect(throws: StateError.self) { try await store.lock(as: me, patience: 0.1) }
            guard case .locked(let owner)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(owner == other)
            kill(child.processIdentifier, SIGKILL)
            try await store.lock(as: me, patience: 10)
            #expect(LockFile.isHeld(path + ".lock").by == me)
            await store.close()
        }
    }

    private func program(_ path: String, _ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        try process.run()
        return process
    }
}
