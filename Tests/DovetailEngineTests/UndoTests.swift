import Dovetail
import DovetailEngine
import DovetailMemory
import Testing

@Suite("Undo")
struct UndoTests {
    /// A job whose second run wrote on both sides.
    private func ran() async throws -> MemoryPair {
        let pair = try await MemoryPair.agreed(5)
        await pair.update(1...1, .left, ["name": .text("new")])
        await pair.delete(2...2, .left)
        await pair.insert(6...6, .right)
        _ = try await pair.sync()
        return pair
    }

    private func refusal(_ pair: MemoryPair, _ run: Int64) async throws -> String {
        let before = try await pair.moment()
        let error = await #expect(throws: UndoError.self) { _ = try await pair.synchronizer().undo(run) }
        #expect(try await pair.moment() == before)
        return error?.description ?? ""
    }

    @Test("a run that is unknown, or changed nothing, can't be undone, in words")
    func unknown() async throws {
        let pair = try await ran()
        #expect(
            try await refusal(pair, 99)
                == "run 99 is not in the history, or changed nothing; see: dovetail runs")
    }

    @Test("a run whose values are no longer kept can't be undone")
    func valuesGone() async throws {
        var pair = MemoryPair()
        pair.job.retention = HistoryRetention(values: .none)
        await pair.insert(1...3, .left)
        _ = try await pair.sync()
        #expect(
            try await refusal(pair, 1)
                == "the values of run 1 are no longer kept (history: values), so it can't be undone")
    }

    @Test("a run under other fields can't be undone")
    func remapped() async throws {
        var pair = try await ran()
        pair.job.tables[0].schema.fields.removeLast()
        for side in Side.allCases {
            pair.job.tables[0].views[side].columns.removeLast()
            pair.job.tables[0].views[side].schema = pair.job.tables[0].schema
        }
        #expect(try await refusal(pair, 2) == "benches had other fields in run 2, so it can't be undone")
    }

    @Test("a plan of an undo shows the inverse and writes nothing")
    func planned() async throws {
        let pair = try await ran()
        let before = try await pair.moment()
        let plan = try await pair.synchronizer().planUndo(of: 2)
        let counts = try #require(plan.counts["benches"])
        #expect(counts.right.updates == 1 && counts.right.inserts == 1 && counts.left.deletes == 1)
        #expect(try await pair.moment() == before)
    }

    @Test("an undo stands in the history as a run of its own, and a second undo of the same run is refused")
    func twice() async throws {
        let pair = try await ran()
        let result = try await pair.synchronizer().undo(2)
        #expect(result.run == 3 && result.status == .agreed)
        #expect(await pair.state.runs(limit: 1).first?.kind == .undo)
        let rows = [await pair.rows(.left), await pair.rows(.right)]
        let again = try await pair.synchronizer().undo(2)
        #expect(again.rejected == 3)
        let now = [await pair.rows(.left), await pair.rows(.right)]
        #expect(now == rows)
    }

    @Test("an undo can be undone: the run stands again")
    func undone() async throws {
        let pair = try await ran()
        let after = [await pair.rows(.left), await pair.rows(.right)]
        _ = try await pair.synchronizer().undo(2)
        let result = try await pair.synchronizer().undo(3)
        #expect(result.rejected == 0)
        for (side, rows) in zip(Side.allCases, after) {
            let ids = Set(await pair.rows(side).compactMap { $0["id"] })
            #expect(ids == Set(rows.compactMap { $0["id"] }))
        }
        let next = try await pair.sync()
        #expect(next.conflicts == 0)
        #expect(try await pair.synchronizer().verify().agrees)
        #expect(await pair.name(of: 1, .right) == .text("new"))
        #expect(await pair.count(.right) == 5)
    }

    @Test("an undo of an undo that is cut short deletes nothing")
    func undoneAndCutShort() async throws {
        var pair = MemoryPair()
        let faulty = FaultyReplica(pair.right)
        pair.job.replicas.right = faulty
        await pair.insert(1...5, .left)
        _ = try await pair.sync()
        _ = try await pair.synchronizer().undo(1)
        await faulty.failNext(.beforeWrite)
        await #expect(throws: ReplicaError.self) { _ = try await pair.synchronizer().undo(2) }
        let result = try await pair.sync()
        #expect(result.totals.writes.left.deletes == 0 && result.totals.writes.right.inserts == 5)
        #expect(try await pair.synchronizer().verify().agrees)
    }

    @Test("undos of undos end where they began, however often")
    func thrice() async throws {
        let pair = try await ran()
        let after = [await pair.rows(.left), await pair.rows(.right)]
        _ = try await pair.synchronizer().undo(2)
        let before = [await pair.rows(.left), await pair.rows(.right)]
        _ = try await pair.synchronizer().undo(3)
        let again = [await pair.rows(.left), await pair.rows(.right)]
        #expect(again.map { Set($0) } == after.map { Set($0) })
        _ = try await pair.synchronizer().undo(4)
        let last = [await pair.rows(.left), await pair.rows(.right)]
        #expect(last.map { Set($0) } == before.map { Set($0) })
        _ = try await pair.sync()
        #expect(try await pair.synchronizer().verify().agrees)
        #expect(await pair.name(of: 1, .right) == .text("new"))
    }

    @Test("an undo stops at a replica that is not the one it wrote to")
    func replaced() async throws {
        let pair = try await ran()
        await pair.right.replace(with: [MemoryTable(MemoryPair.benches)])
        let halted = await #expect(throws: RunHalted.self) { _ = try await pair.synchronizer().undo(2) }
        #expect(halted?.description.contains("field is not what the last run left") == true)
        #expect(await pair.count(.right) == 0)
    }

    @Test("an undo that was cut short is completed by the next sync, and loses no edit")
    func cutShort() async throws {
        for failure in [FaultyReplica.Failure.beforeWrite, .afterWrite] {
            var pair = MemoryPair()
            let faulty = FaultyReplica(pair.right)
            pair.job.replicas.right = faulty
            await pair.insert(1...5, .left)
            _ = try await pair.sync()
            await pair.update(1...1, .left, ["name": .text("new")])
            await pair.delete(2...2, .left)
            _ = try await pair.sync()
            await faulty.failNext(failure)
            await #expect(throws: ReplicaError.self) { _ = try await pair.synchronizer().undo(2) }
            let result = try await pair.sync()
            #expect(result.conflicts == 0)
            #expect(try await pair.synchronizer().verify().agrees)
            #expect(await pair.name(of: 1, .left) == .text("new"))
            #expect(try await pair.sync().run == nil)
        }
    }

    @Test("what a store made of a value is undone as well")
    func normalised() async throws {
        let pair = MemoryPair()
        await pair.right.edit("benches") { table in
            table.normalise = { row in
                var row = row
                if case .text(let name)? = row["name"] { row["name"] = .text(name.uppercased()) }
                return row
            }
        }
        await pair.insert(1...2, .left)
        _ = try await pair.sync()
        #expect(try await pair.sync().run == nil)
        await pair.update(1...1, .left, ["name": .text("new")])
        _ = try await pair.sync()
        #expect(await pair.name(of: 1, .right) == .text("NEW"))
        let result = try await pair.synchronizer().undo(2)
        #expect(result.rejected == 0)
        #expect(await pair.name(of: 1, .right) == .text("BENCH 1"))
        _ = try await pair.sync()
        #expect(await pair.name(of: 1, .right) == .text("NEW"))
        #expect(await pair.name(of: 1, .left) == .text("new"))
        #expect(try await pair.sync().run == nil)
    }

    @Test("what needed no writing to be undone is planned again, although no feed names it")
    func nothingToWrite() async throws {
        let pair = MemoryPair(addsUpDigests: true)
        await pair.right.edit("benches") { table in
            table.normalise = { row in
                var row = row
                if case .text(let name)? = row["name"] { row["name"] = .text(name.uppercased()) }
                return row
            }
        }
        await pair.insert(1...50, .left)
        _ = try await pair.sync()
        #expect(try await pair.sync().run == nil)
        // The store makes of it what it held before.
        await pair.update([1], .left, ["name": .text("Bench 1")])
        #expect(try await pair.sync().totals.writes.right.updates == 1)
        _ = try await pair.sync()
        _ = try await pair.synchronizer().undo(2)
        #expect(try await pair.sync().totals.writes.right.updates == 1)
        #expect(try await pair.sync().run == nil)
    }

    @Test("a record that was deleted since the run that is undone comes back, although no feed names it")
    func deletedSince() async throws {
        let pair = MemoryPair(rules: TableRules(deletes: .ask), addsUpDigests: true)
        await pair.right.edit("benches") { table in
            table.normalise = { row in
                var row = row
                if case .text(let name)? = row["name"] { row["name"] = .text(name.uppercased()) }
                return row
            }
        }
        await pair.insert(1...50, .left)
        await pair.insert([1], .right, name: "BENCH")
        #expect(try await pair.sync().conflicts == 1)
        let conflict = try #require(await pair.state.conflicts().first)
        try await pair.state.decide([
            conflict.id: Resolution(.side(.left), seen: conflict.seen.map { $0?.fields.digest })
        ])
        #expect(try await pair.sync().totals.writes.right.updates == 1)
        await pair.delete([1], .left)
        #expect(try await pair.sync().conflicts == 1)
        _ = try await pair.synchronizer().undo(2)
        #expect(try await pair.sync().totals.writes.left.inserts == 1)
        #expect(await pair.counts() == [50, 50])
        #expect(try await pair.sync().run == nil)
    }
}
