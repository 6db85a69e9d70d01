import Dovetail
import DovetailEngine
import DovetailMemory
import Testing

@Suite("Brakes stop a run before its first write")
struct BrakeTests {
    // MARK: Emptied sides and deletes

    @Test("an emptied side halts, and says how many records were there", arguments: Side.allCases)
    func emptied(side: Side) async throws {
        let pair = try await MemoryPair.agreed(3)
        await pair.delete(1...3, side)
        let (name, other) = side == .left ? ("office", "field") : ("field", "office")
        #expect(
            try await pair.halted() == """
                benches: \(name) is empty; the last run left 3 records there. All of them would be deleted on \(other). \
                Bring the data back, or run again with --allow empty
                """)
        #expect(try await pair.halted([.deletes, .changes, .replaced, .mapping]).contains("--allow empty"))
        let result = try await pair.sync([.empty])
        #expect(result.totals.writes[side.other].deletes == 3)
        #expect(await pair.count(side.other) == 0)
        #expect(try await pair.sync().run == nil)
    }

    @Test("an emptied side halts although the other side has something new for it")
    func emptiedWhileOtherGrew() async throws {
        let pair = try await MemoryPair.agreed(3)
        await pair.delete(1...3, .left)
        await pair.insert(4...4, .right)
        #expect(try await pair.halted().contains("office is empty"))
        #expect(await pair.count(.right) == 4)
    }

    @Test(
        "too many deletes by share halt, with the number, the whole and the limit", arguments: Side.allCases)
    func tooManyByShare(side: Side) async throws {
        let pair = try await MemoryPair.agreed(50)
        await pair.delete(1...11, side)
        let other = side == .left ? "field" : "office"
        #expect(
            try await pair.halted() == """
                benches: 11 of 50 records would be deleted on \(other), and the limit is 20 %. \
                If they shall go, run again with --allow deletes
                """)
        let result = try await pair.sync([.deletes])
        #expect(result.totals.writes[side.other].deletes == 11)
        #expect(await pair.count(side.other) == 39)
    }

    @Test("ten deletes never trip the share, and eleven of many do not")
    func floor() async throws {
        let small = try await MemoryPair.agreed(12)
        await small.delete(1...10, .left)
        #expect(try await small.sync().totals.writes.right.deletes == 10)
        let large = try await MemoryPair.agreed(55)
        await large.delete(1...11, .left)
        #expect(try await large.sync().totals.writes.right.deletes == 11)
    }

    @Test("too many deletes by number halt below the floor of the share")
    func tooManyByNumber() async throws {
        let pair = try await MemoryPair.agreed(9, limits: Limits(deleteNumber: 2))
        await pair.delete(1...2, .right)
        #expect(try await pair.sync().totals.writes.left.deletes == 2)
        await pair.delete(3...5, .right)
        #expect(
            try await pair.halted() == """
                benches: 3 of 7 records would be deleted on office, and the limit is 2. \
                If they shall go, run again with --allow deletes
                """)
        #expect(try await pair.sync([.deletes]).totals.writes.left.deletes == 3)
    }

    @Test("too many changes of a run halt, both sides together")
    func tooManyChanges() async throws {
        let pair = try await MemoryPair.agreed(3, limits: Limits(changes: 3))
        await pair.insert(10...11, .left)
        await pair.insert(20...21, .right)
        #expect(
            try await pair.halted() == """
                4 records would be written, and the limit is 3. If they shall be, run again with --allow changes
                """)
        let result = try await pair.sync([.changes])
        #expect(result.totals.writes.left.inserts == 2 && result.totals.writes.right.inserts == 2)
    }

    @Test("a plan shows the halts of a sync and writes nothing")
    func planShowsHalts() async throws {
        let pair = try await MemoryPair.agreed(3)
        await pair.delete(1...3, .left)
        let before = try await pair.moment()
        let plan = try await pair.synchronizer().plan()
        #expect(plan.halts == [.sideEmptied(table: "benches", side: .left, had: 3)])
        #expect(plan.counts["benches"]?.right.deletes == 3)
        #expect(try await pair.moment() == before)
    }

    @Test("what is allowed once is not allowed the next time")
    func allowedOnce() async throws {
        let pair = try await MemoryPair.agreed(9, limits: Limits(deleteNumber: 1))
        await pair.delete(1...2, .left)
        _ = try await pair.sync([.deletes])
        await pair.delete(3...4, .left)
        #expect(try await pair.halted().contains("--allow deletes"))
    }

    // MARK: Replaced sides

    @Test(
        "another replica under the name of a side halts, and meets anew once it is allowed",
        arguments: Side.allCases)
    func replaced(side: Side) async throws {
        let pair = try await MemoryPair.agreed(30)
        await pair[side].replace(with: [MemoryTable(MemoryPair.benches)])
        await pair.insert(1...2, side)
        await pair.insert(100...100, side)
        let name = side == .left ? "office" : "field"
        #expect(
            try await pair.halted() == """
                \(name) is not what the last run left: it carries no mark of the last run (another file under its name?). \
                If it is meant to be so, run again with --allow replaced: \
                the sides then meet as for the first time, and nothing is deleted
                """)
        #expect(try await pair.halted([.deletes, .empty, .changes, .mapping]).contains("--allow replaced"))
        let plan = try await pair.synchronizer().plan()
        #expect(
            plan.counts["benches"]?[side].inserts == 28 && plan.counts["benches"]?[side.other].inserts == 1)
        let result = try await pair.sync([.replaced])
        #expect(result.totals.writes[side].inserts == 28 && result.totals.writes[side.other].inserts == 1)
        #expect(result.totals.writes[side].deletes + result.totals.writes[side.other].deletes == 0)
        #expect(try await pair.sync().run == nil)
        await pair.delete(100...100, side)
        #expect(try await pair.sync().totals.writes[side.other].deletes == 1)
    }

    @Test("a restored backup halts, with how far it is behind", arguments: Side.allCases)
    func restored(side: Side) async throws {
        let pair = try await MemoryPair.agreed(30)
        let backup = await pair[side].backup()
        await pair.update(1...1, side, ["name": .text("later")])
        await pair.insert(31...31, side.other)
        _ = try await pair.sync()
        await pair.delete(2...2, side)
        _ = try await pair.sync()
        await pair[side].restore(backup)
        let name = side == .left ? "office" : "field"
        #expect(
            try await pair.halted() == """
                \(name) is not what the last run left: it is 2 runs behind (a restored backup?). \
                If it is meant to be so, run again with --allow replaced: \
                the sides then meet as for the first time, and nothing is deleted
                """)
        let result = try await pair.sync([.replaced])
        // The old value stands against the new one: a person decides, and nothing is lost.
        #expect(result.conflicts == 1)
        #expect(result.totals.writes[side].inserts == 1 && result.totals.writes[side.other].inserts == 1)
        #expect(await pair.name(of: 1, side.other) == .text("later"))
    }

    @Test("a copy of the other side halts", arguments: Side.allCases)
    func copied(side: Side) async throws {
        let pair = try await MemoryPair.agreed(3)
        await pair.insert(4...4, side)
        await pair[side].restore(pair[side.other].backup())
        let names = side == .left ? ("office", "field") : ("field", "office")
        #expect(
            try await pair.halted().hasPrefix(
                "\(names.0) is not what the last run left: it is a copy of \(names.1). If it is meant"))
        _ = try await pair.sync([.replaced])
        #expect(try await pair.sync().run == nil)
    }

    @Test("a copy of the other side that was given to someone else's job is not taken for a copy")
    func markOfAnotherJob() async throws {
        let pair = try await MemoryPair.agreed(3)
        _ = try await pair.right.stamp(
            ReplicaMark(job: "another", side: .left, state: "memory", generation: 1))
        #expect(try await pair.sync().run == nil)
    }

    // MARK: Lost and stale memories

    @Test("with a lost memory the sides meet anew, and what one side lacks comes back")
    func lostMemory() async throws {
        var pair = try await MemoryPair.agreed(30)
        await pair.delete(1...15, .left)
        pair.state = MemoryStateStore(identity: "made anew")
        let plan = try await pair.synchronizer().plan()
        #expect(plan.meetsAnew?.contains("is lost") == true && plan.halts.isEmpty)
        let result = try await pair.sync()
        #expect(result.totals.writes.left.inserts == 15)
        #expect(result.totals.writes.left.deletes + result.totals.writes.right.deletes == 0)
        #expect(try await pair.sync().run == nil)
    }

    @Test(
        "with a lost memory an emptied side is filled again, and never empties the other",
        arguments: Side.allCases)
    func lostMemoryAndEmptied(side: Side) async throws {
        var pair = try await MemoryPair.agreed(30)
        await pair.delete(1...30, side)
        pair.state = MemoryStateStore(identity: "made anew")
        let result = try await pair.sync(Set(Allowance.allCases))
        #expect(result.totals.writes[side].inserts == 30)
        #expect(await pair.count(side.other) == 30)
    }

    @Test("a memory older than the replicas is not trusted, and deletes nothing")
    func staleMemory() async throws {
        var pair = try await MemoryPair.agreed(30)
        let old = await pair.state.copy()
        await pair.insert(31...35, .left)
        await pair.delete(1...5, .right)
        _ = try await pair.sync()
        pair.state = old
        await pair.delete(31...31, .right)
        await pair.update(10...10, .left, ["name": .text("edited")])
        let plan = try await pair.synchronizer().plan()
        #expect(plan.meetsAnew == "the job's memory is older than field (a restored state file?)")
        let result = try await pair.sync(Set(Allowance.allCases))
        #expect(result.totals.writes.left.deletes + result.totals.writes.right.deletes == 0)
        #expect(result.totals.writes.right.inserts == 1)
        #expect(result.conflicts == 1)
        #expect(try await pair.sync().run == nil)
    }

    @Test("a backup from before the memory was restored is still one", arguments: Side.allCases)
    func restoredAfterStaleMemory(side: Side) async throws {
        var pair = try await MemoryPair.agreed(5)
        let old = await pair.state.copy()
        await pair.insert(6...6, .left)
        _ = try await pair.sync()
        let backup = await pair[side].backup()
        await pair.update(1...1, side.other, ["name": .text("first")])
        _ = try await pair.sync()
        pair.state = old
        _ = try await pair.sync()
        await pair[side].restore(backup)
        #expect(try await pair.halted().contains("behind (a restored backup?)"))
        #expect(await pair.name(of: 1, side.other) == .text("first"))
    }

    @Test("a memory from before the first run that came to its end is not trusted either")
    func memoryOfAFailedRun() async throws {
        var (pair, faulty) = await failing()
        await faulty.failNextStamp()
        await #expect(throws: ReplicaError.self) { _ = try await pair.sync() }
        let old = await pair.state.copy()
        await pair.delete(1...3, .right)
        #expect(try await pair.sync().totals.writes.left.deletes == 3)
        await pair.insert(1...3, .left)
        _ = try await pair.sync()
        await pair.delete(1...3, .right)
        pair.state = old
        let result = try await pair.sync(Set(Allowance.allCases))
        #expect(result.totals.writes.left.deletes == 0 && result.totals.writes.right.inserts == 3)
    }

    @Test("a first run that failed while it left its marks is no stranger to the next one")
    func failedStamp() async throws {
        let (pair, faulty) = await failing()
        await faulty.failNextStamp()
        await #expect(throws: ReplicaError.self) { _ = try await pair.sync() }
        await pair.delete(1...3, .left)
        let result = try await pair.sync()
        #expect(result.totals.writes.right.deletes == 3 && result.totals.writes.left.total == 0)
    }

    /// A left side with twenty benches, and a right one that can be made to fail.
    private func failing() async -> (MemoryPair, FaultyReplica) {
        var pair = MemoryPair()
        let faulty = FaultyReplica(pair.right)
        pair.job.replicas.right = faulty
        await pair.insert(1...20, .left)
        return (pair, faulty)
    }

    @Test("a memory older than the replicas is not trusted after a run that died before it forgot, either")
    func staleMemoryAndCutShort() async throws {
        var pair = try await MemoryPair.agreed(30)
        let old = await pair.state.copy()
        await pair.delete(1...5, .left)
        _ = try await pair.sync()
        await pair.insert(1...5, .right)
        pair.state = old
        let dying = pair.synchronizer(over: ForgetfulStore(store: old))
        await #expect(throws: StateError.self) { _ = try await dying.sync() }
        let result = try await pair.sync(Set(Allowance.allCases))
        #expect(result.totals.writes.left.inserts == 5)
        #expect(result.totals.writes.left.deletes + result.totals.writes.right.deletes == 0)
        #expect(try await pair.sync().run == nil)
    }

    @Test("a memory from before the first run was done is not trusted, and deletes nothing")
    func staleMemoryOfAFirstRun() async throws {
        var pair = MemoryPair()
        let faulty = FaultyReplica(pair.right)
        pair.job.replicas.right = faulty
        pair.chunkSize = 1
        await pair.insert(1...3, .left)
        await faulty.fail(at: 2, .beforeWrite)
        await #expect(throws: ReplicaError.self) { _ = try await pair.sync() }
        let old = await pair.state.copy()
        _ = try await pair.sync()
        await pair.delete(1...1, .left)
        _ = try await pair.sync()
        await pair.insert(1...1, .right)
        pair.state = old
        let result = try await pair.sync(Set(Allowance.allCases))
        #expect(result.totals.writes.right.deletes == 0)
        #expect(result.totals.writes.left.inserts == 1)
        #expect(try await pair.sync().run == nil)
    }

    @Test("two copies of one memory do not undo each other's work")
    func forkedMemory() async throws {
        let pair = try await MemoryPair.agreed(20)
        var fork = pair
        fork.state = await pair.state.copy()
        await pair.insert(21...21, .left)
        _ = try await pair.sync()
        await fork.delete(1...1, .left)
        let result = try await fork.sync()
        #expect(result.totals.writes.right.deletes == 0)
        #expect(await pair.count(.left) == 21)
    }

    // MARK: Changed mappings

    private func remapped(_ pair: MemoryPair, _ change: (inout JobTable) -> Void) -> MemoryPair {
        var pair = pair
        var table = pair.job.tables[0]
        change(&table)
        for side in Side.allCases { table.views[side].schema = table.schema }
        pair.job.tables[0] = table
        return pair
    }

    @Test(
        "a new field halts, and once allowed its values meet as for the first time while the rest keeps its base"
    )
    func fieldAdded() async throws {
        let pair = try await MemoryPair.agreed(3)
        for (side, words) in [(Side.left, "same"), (.right, "same")] {
            await pair.update(1...2, side, ["note": .text(words)])
        }
        await pair.update(2...2, .right, ["note": .text("other")])
        await pair.delete(3...3, .left)
        let wider = remapped(pair) { table in
            table.schema.fields.append(Field("note", .text))
            for side in Side.allCases { table.views[side].columns.append(ColumnBinding("note")) }
        }
        #expect(
            try await wider.halted() == """
                benches: what is compared has changed since the last run (field note is new). \
                If it is meant to be so, run again with --allow mapping
                """)
        let result = try await wider.sync([.mapping])
        #expect(result.totals.writes.right.deletes == 1)
        #expect(result.conflicts == 1)
        #expect(try await wider.sync().run == nil)
        #expect(try await pair.halted().contains("field note is gone"))
    }

    @Test("a field that is gone halts, and once allowed it is compared no more")
    func fieldRemoved() async throws {
        let pair = try await MemoryPair.agreed(3)
        await pair.update(1...1, .left, ["size": .int(9)])
        await pair.update(2...2, .left, ["name": .text("new")])
        let narrower = remapped(pair) { table in
            table.schema.fields.removeLast()
            for side in Side.allCases { table.views[side].columns.removeLast() }
        }
        #expect(try await narrower.halted().contains("(field size is gone)"))
        let result = try await narrower.sync([.mapping])
        #expect(result.totals.writes.right.updates == 1)
        #expect(await narrower.rows(.right).first?["size"] == .int(1))
    }

    @Test("a field from another column halts, and its old base does not speak for the new column")
    func fieldRenamed() async throws {
        let pair = try await MemoryPair.agreed(3)
        await pair.update(1...3, .right, ["title": .text("its own")])
        let renamed = remapped(pair) { table in table.views.right.columns[1] = ColumnBinding("title") }
        #expect(try await renamed.halted().contains("(name was “name = name”, is “name = title”)"))
        let result = try await renamed.sync([.mapping])
        #expect(result.conflicts == 3)
        #expect(result.totals.writes.left.updates + result.totals.writes.right.updates == 0)
    }

    @Test("another type of a field halts")
    func fieldRetyped() async throws {
        let pair = try await MemoryPair.agreed(3)
        let retyped = remapped(pair) { $0.schema.fields[2] = Field("size", .double) }
        #expect(try await retyped.halted().contains("(size was int, is double)"))
    }

    @Test("another order of the fields halts, and once allowed nothing is written")
    func fieldsMoved() async throws {
        let pair = try await MemoryPair.agreed(3)
        await pair.delete(1...1, .left)
        let moved = remapped(pair) { table in
            table.schema.fields.swapAt(1, 2)
            for side in Side.allCases { table.views[side].columns.swapAt(1, 2) }
        }
        #expect(try await moved.halted().contains("(the order of the fields)"))
        let result = try await moved.sync([.mapping])
        #expect(result.totals.writes.right.deletes == 1 && result.totals.writes.right.updates == 0)
    }

    @Test("another identity halts, and once allowed the sides meet anew")
    func identityChanged() async throws {
        let pair = try await MemoryPair.agreed(3)
        await pair.delete(1...1, .left)
        let byName = remapped(pair) { $0.schema.identity = .match(["name"]) }
        #expect(try await byName.halted().contains("(identity was match id, is match name)"))
        let result = try await byName.sync([.mapping])
        #expect(result.totals.writes.right.deletes == 0 && result.totals.writes.left.inserts == 1)
    }

    @Test("another table behind the same name halts, and once allowed nothing is deleted")
    func tableChanged() async throws {
        let schema = MemoryPair.benches
        var other = schema
        other.name = "seats"
        var pair = MemoryPair([schema, other])
        pair.job.tables.removeLast()
        await pair.insert(1...3, .left)
        _ = try await pair.sync()
        let elsewhere = remapped(pair) { $0.views.right.table = "seats" }
        #expect(
            try await elsewhere.halted().contains(
                "tables or filter were “benches = benches”, are “benches = seats”"))
        let result = try await elsewhere.sync([.mapping])
        #expect(result.totals.writes.right.inserts == 3 && result.totals.writes.left.deletes == 0)
    }

    @Test("another filter halts before anything is compared under it")
    func filterChanged() async throws {
        var pair = MemoryPair()
        await pair.insert(1...3, .left)
        pair.job.replicas.left = FilteringReplica(pair.left)
        _ = try await pair.sync()
        await pair.delete(1...1, .left)
        let filtered = remapped(pair) { $0.views.left.filter = "size > 3" }
        #expect(
            try await filtered.halted().contains(
                "(tables or filter were “benches = benches”, are “benches where size > 3 = benches”)"))
        let result = try await filtered.sync([.mapping])
        #expect(result.totals.writes.right.deletes == 0)
    }

    @Test("a table that vanished halts for good, whatever is allowed", arguments: Side.allCases)
    func vanished(side: Side) async throws {
        var pair = try await MemoryPair.agreed(3)
        pair.job.vanished = [("benches", side)]
        pair.job.tables = []
        let name = side == .left ? "office" : "field"
        #expect(
            try await pair.halted(Set(Allowance.allCases)) == """
                benches: the table is gone on \(name); the last run saw it there. \
                Bring it back, or take it out of the job file
                """)
    }

    // MARK: Sides without marks

    @Test("a source that holds no mark is recognised by its change counter")
    func withoutMark() async throws {
        let pair = try await MemoryPair.agreed(
            30, rules: TableRules(direction: .leftToRight), holdsMarks: Sides(left: false, right: true))
        let backup = await pair.left.backup()
        await pair.insert(31...33, .left)
        _ = try await pair.sync()
        #expect(try await pair.sync().run == nil)
        await pair.left.restore(backup)
        #expect(
            try await pair.halted() == """
                office is not what the last run left: it is older than it was (a restored backup?). \
                If it is meant to be so, run again with --allow replaced: \
                the sides then meet as for the first time, and nothing is deleted
                """)
        let result = try await pair.sync([.replaced])
        #expect(result.totals.writes.right.deletes == 0)
        #expect(await pair.count(.right) == 33)
    }

    @Test("a side that is written to and holds no mark is known as the run left it")
    func writtenWithoutMark() async throws {
        let pair = try await MemoryPair.agreed(30, holdsMarks: Sides(left: true, right: false))
        await pair.insert(31...31, .left)
        let backup = await pair.right.backup()
        _ = try await pair.sync()
        #expect(try await pair.sync().run == nil)
        await pair.right.restore(backup)
        #expect(
            try await pair.halted().contains("field is not what the last run left: it is older than it was"))
    }

    @Test("a one-way job leaves no mark on its source")
    func sourceIsLeftAlone() async throws {
        let pair = try await MemoryPair.agreed(3, rules: TableRules(direction: .leftToRight))
        let identity = try await pair.left.observe().identity(job: "benches")
        #expect(identity.marks.isEmpty)
    }

    @Test("several halts are told together, and each has to be allowed")
    func several() async throws {
        var pair = try await MemoryPair.agreed(30)
        pair.job.limits = Limits(deleteNumber: 2, changes: 3)
        await pair.delete(1...5, .left)
        let message = try await pair.halted()
        #expect(message.contains("--allow deletes") && message.contains("--allow changes"))
        #expect(
            try await pair.halted([.deletes]) == """
                5 records would be written, and the limit is 3. If they shall be, run again with --allow changes
                """)
        #expect(try await pair.sync([.deletes, .changes]).totals.writes.right.deletes == 5)
    }
}

@Suite("A job has one run at a time")
struct LockTests {
    @Test("a second run is told who holds the job, and changes nothing")
    func told() async throws {
        let pair = try await MemoryPair.agreed(3)
        await pair.insert(4...4, .left)
        try await pair.state.lock(
            as: LockOwner(process: 42, host: "desk", user: "ann", command: "dovetail sync", since: 0),
            patience: 0)
        let before = try await pair.moment()
        for run in [{ try await pair.sync() }, { try await pair.synchronizer().undo(1) }]
            as [@Sendable () async throws -> RunResult]
        {
            let error = await #expect(throws: StateError.self) { _ = try await run() }
            #expect(
                error?.description
                    == "the job is being run by process 42 on desk (ann, dovetail sync), since 1970-01-01T00:00:00Z; wait for it, or end it"
            )
        }
        #expect(try await pair.moment() == before)
        await pair.state.unlock()
        #expect(try await pair.sync().totals.writes.right.inserts == 1)
    }

    @Test("a run that halts or fails lets go of the job")
    func letsGo() async throws {
        let pair = try await MemoryPair.agreed(3)
        await pair.delete(1...3, .left)
        _ = try await pair.halted()
        _ = try await pair.sync([.empty])
        var broken = pair
        broken.job.tables[0].views.right.table = "nowhere"
        await #expect(throws: (any Error).self) { _ = try await broken.sync([.mapping]) }
        _ = try await pair.sync()
    }

    @Test("planning and verifying need no lock")
    func looking() async throws {
        let pair = try await MemoryPair.agreed(3)
        try await pair.state.lock(
            as: LockOwner(process: 1, host: "h", user: "u", command: "c", since: 0), patience: 0)
        #expect(try await pair.synchronizer().plan().isQuiet)
        #expect(try await pair.synchronizer().verify().agrees)
    }
}
