import Dovetail
import DovetailEngine

/// What several processes see that share one memory.
struct StateSharingChecks: StateSuite {
    static let all: [StateStoreCheck] = [
        StateStoreCheck(shared: "a memory is found again by the next process") {
            try await StateSharingChecks().foundAgain($0)
        },
        StateStoreCheck(shared: "the lock of a job keeps out another process, and comes free with close") {
            try await StateSharingChecks().lockAcross($0)
        },
        StateStoreCheck(shared: "asking who runs a job keeps no run from beginning") {
            try await StateSharingChecks().asking($0)
        },
        StateStoreCheck(shared: "the lock of a job is waited for") {
            try await StateSharingChecks().patience($0)
        },
        StateStoreCheck(shared: "opened for reading, nothing is made and nothing can be written") {
            try await StateSharingChecks().absent($0)
        },
        StateStoreCheck(shared: "opened for reading, it follows the one who writes") {
            try await StateSharingChecks().reading($0)
        },
        StateStoreCheck("what was done is remembered even when the task is cancelled") {
            try await StateSharingChecks().cancelled($0)
        },
        StateStoreCheck("the base holds keys of any length, in their order") {
            try await StateSharingChecks().longKeys($0)
        },
        StateStoreCheck("the base takes the last of several records with one key") {
            try await StateSharingChecks().repeated($0)
        },
        StateStoreCheck("reasons and messages may hold any character") {
            try await StateSharingChecks().anyCharacter($0)
        },
    ]

    func foundAgain(_ harness: any StateStoreHarness) async throws {
        guard let first = try await harness.open() else { return }
        let identity = try await first.load().identity
        try await first.run(.agreeing(agreed(1, "a")))
        await first.close()
        guard let second = try await harness.open() else { return }
        try same(try await second.load().identity, identity)
        try same(try await second.load().resetReason, nil)
        try same(try await second.load().generation, 1)
        try same(try await second.allBase(), [agreed(1, "a")])
        await second.close()
    }

    func lockAcross(_ harness: any StateStoreHarness) async throws {
        guard let first = try await harness.open(), let second = try await harness.open() else { return }
        let name = me
        try await first.lock(as: name, patience: 0)
        let error = try await refused { try await second.lock(as: other, patience: 0) }
        try check(error.description.contains("process 4711 on office (anna, dovetail sync)"), "\(error)")
        guard let looking = try await harness.openForReading() else { return }
        try same(try await looking.lockState(), .held(by: name))
        await first.close()
        try same(try await looking.lockState(), .free)
        await looking.close()
        try await second.lock(as: other, patience: 0)
        await second.close()
    }

    func asking(_ harness: any StateStoreHarness) async throws {
        guard let store = try await harness.open(), let looking = try await harness.openForReading() else {
            return
        }
        let asking = Task {
            while !Task.isCancelled {
                _ = try await looking.lockState()
                try await Task.sleep(for: .milliseconds(1))
            }
        }
        for _ in 0..<200 {
            try await store.lock(as: me, patience: 0)
            await store.unlock()
        }
        asking.cancel()
        _ = await asking.result
        await looking.close()
        await store.close()
    }

    func patience(_ harness: any StateStoreHarness) async throws {
        guard let first = try await harness.open(), let second = try await harness.open() else { return }
        try await first.lock(as: me, patience: 0)
        let waiting = other
        async let taken: Void = second.lock(as: waiting, patience: 20)
        try await Task.sleep(for: .milliseconds(150))
        await first.unlock()
        try await taken
        await second.close()
        await first.close()
    }

    func absent(_ harness: any StateStoreHarness) async throws {
        guard let store = try await harness.openForReading() else { return }
        try same(try await store.load().generation, 0)
        try same(try await store.allBase(), [])
        try same(try await store.allBase(mirrored: true), [])
        try same(try await store.baseCount(of: trees), 0)
        try same(try await store.pendingKeys(of: trees), [])
        try same(try await store.conflicts(), [])
        try same(try await store.runs(limit: 5), [])
        try same(try await store.lockState(), .free)
        let error = try await refused { _ = try await store.begin(start(1)) }
        guard case .forbidden = error else { throw ConformanceFailure(description: "it says: \(error)") }
        try await refused { try await store.noteQuiet(at: 1, cursors: [:]) }
        try await refused { try await store.lock(as: me, patience: 0) }
        await store.close()
        guard let again = try await harness.openForReading() else { return }
        try same(try await again.load().resetReason, nil)
        await again.close()
    }

    func reading(_ harness: any StateStoreHarness) async throws {
        guard let writer = try await harness.open(), let reader = try await harness.openForReading() else {
            return
        }
        let records = (0..<2000).map {
            agreed(Int64($0), "a tree with a long name", rightLocator: key(Int64(-$0)).bytes)
        }
        var memory = Memory()
        memory.agreed = records.map { (trees, $0) }
        memory.conflicts = [conflict(9999, left: "l", right: "r")]
        try await writer.run(memory)
        try same(try await reader.allBase(), records)
        try same(try await reader.allBase(mirrored: true), records.reversed().compactMap(\.seenFromRight))
        try same(try await reader.conflicts(), memory.conflicts)
        let error = try await refused { try await reader.decide([memory.conflicts[0].id: nil]) }
        guard case .forbidden = error else { throw ConformanceFailure(description: "it says: \(error)") }
        await reader.close()
        await writer.close()
    }

    func cancelled(_ store: any StateStore) async throws {
        let run = try await store.begin(start(1))
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await store.remember(.agreeing(agreed(1, "a")), run: run)
            try await store.finish(end(), run: run)
        }
        try await task.value
        try same(try await store.baseCount(of: trees), 1)
    }

    func longKeys(_ store: any StateStore) async throws {
        // Longer than an entry of most indexes may be, with the difference far behind, and not to be compressed.
        var generator = SystemRandomNumberGenerator()
        let head = String(
            (0..<9000).map { _ in Character(Unicode.Scalar(UInt8.random(in: 33...126, using: &generator))) })
        func record(_ text: String) -> BaseRecord {
            let fields = PackedRecord([.text(text)])
            return BaseRecord(key: RecordKey([.text(text)]), left: fields, right: fields)
        }
        let records = [record(head), record(head + "a"), record(head + "b"), record("~~~")]
            .sorted { $0.key < $1.key }
        var memory = Memory()
        memory.agreed = records.reversed().map { (trees, $0) }
        memory.pending = records.map { (trees, $0.key) }
        let run = try await store.run(
            memory,
            journal: records.map {
                JournalEntry(
                    table: trees, side: .left, key: $0.key, verb: "insert", base: nil,
                    seen: Sides(left: nil, right: nil), after: $0.left, decided: [])
            })
        try same(try await store.allBase(), records)
        try same(try await store.base(of: trees, keys: records.map(\.key)), records)
        try same(try await store.pendingKeys(of: trees), records.map(\.key))
        try same(try await store.changes(of: run, offset: 0, limit: 9).count, 4)
        var gone = Memory.agreeing(records[0])
        gone.gone = [(trees, records[1].key)]
        gone.settled = [(trees, records[2].key)]
        try await store.run(gone)
        try same(try await store.allBase(), [records[0], records[2], records[3]])
        try same(try await store.baseCount(of: trees), 3)
        try same(try await store.pendingKeys(of: trees), [records[3].key])
    }

    func repeated(_ store: any StateStore) async throws {
        try await store.run(.agreeing(agreed(1, "a"), agreed(2, "b"), agreed(1, "c")))
        try same(try await store.allBase(), [agreed(1, "c"), agreed(2, "b")])
        try same(try await store.baseCount(of: trees), 2)
        var memory = Memory.agreeing(agreed(2, "B"))
        memory.gone = [(trees, key(2)), (trees, key(2))]
        memory.pending = [(trees, key(5)), (trees, key(5))]
        memory.conflicts = [
            conflict(7, left: "l", right: "r", since: 1), conflict(7, left: "l", right: "r", since: 2),
        ]
        memory.rejections = [rejection(8), rejection(8)]
        memory.outcomes = [
            (trees, .right, key(1), .applied, nil), (trees, .right, key(1), .rejected, "late"),
        ]
        let run = try await store.run(memory, journal: [update(1, from: "a", to: "b")])
        try same(try await store.allBase(), [agreed(1, "c")])
        try same(try await store.conflicts().map(\.since), [1])
        try same(try await store.rejections(), [rejection(8)])
        try same(try await store.changes(of: run, offset: 0, limit: 5).map(\.outcome), [.applied])
    }

    func anyCharacter(_ store: any StateStore) async throws {
        var memory = Memory()
        var odd = rejection(1)
        odd.rejection.reason = "'\"\\\u{1F600}\n\u{0}end"
        memory.rejections = [odd]
        memory.outcomes = [(trees, .right, key(1), .rejected, odd.rejection.reason)]
        var ending = end(.waiting)
        ending.message = odd.rejection.reason
        let run = try await store.run(memory, journal: [update(1, from: "a", to: "b")], end: ending)
        let words = "'\"\\\u{1F600}\n"
        try check(try await store.rejections().first?.rejection.reason.hasPrefix(words) == true)
        try check(
            try await store.changes(of: run, offset: 0, limit: 1).first?.reason?.hasPrefix(words) == true)
        try check(try await store.runs(limit: 1).first?.message?.hasPrefix(words) == true)
    }
}
