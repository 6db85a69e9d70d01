import Dovetail
import DovetailEngine
import DovetailMemory
import Testing

@Suite("Links between records that share no key")
struct LinkTests {
    private static let linked = TableSchema(
        "benches", fields: [Field("id", .int), Field("name", .text), Field("size", .int)], identity: .content)

    private func pair() async throws -> (MemoryPair, FaultyReplica) {
        var pair = MemoryPair([Self.linked])
        // Ids of the right store are its own.
        await pair.right.edit("benches") { table in
            let first = table.insert([:], id: 1000)
            table.delete(first)
        }
        let faulty = FaultyReplica(pair.right)
        pair.job.replicas.right = faulty
        return (pair, faulty)
    }

    @Test("an insert whose answer never came is adopted, and not sent twice")
    func adopted() async throws {
        let (pair, faulty) = try await pair()
        await pair.insert(1...3, .left)
        await faulty.failNext(.afterWrite)
        await #expect(throws: ReplicaError.self) { _ = try await pair.sync() }
        #expect(await pair.count(.right) == 3)
        let result = try await pair.sync()
        #expect(result.totals.writes.left.total + result.totals.writes.right.total == 0)
        #expect(await pair.counts() == [3, 3])
        #expect(try await pair.sync().run == nil)
    }

    @Test("an insert that never arrived is sent again")
    func sentAgain() async throws {
        let (pair, faulty) = try await pair()
        await pair.insert(1...3, .left)
        await faulty.failNext(.beforeWrite)
        await #expect(throws: ReplicaError.self) { _ = try await pair.sync() }
        #expect(try await pair.sync().totals.writes.right.inserts == 3)
        #expect(await pair.count(.right) == 3)
    }

    @Test("equal records whose answer never came are adopted one by one")
    func equalRecords() async throws {
        let (pair, faulty) = try await pair()
        await pair.insert([7, 7, 7], .left)
        await faulty.failNext(.afterWrite)
        await #expect(throws: ReplicaError.self) { _ = try await pair.sync() }
        await pair.insert([7], .left)
        #expect(try await pair.sync().totals.writes.right.inserts == 1)
        #expect(await pair.counts() == [4, 4])
        #expect(try await pair.sync().run == nil)
    }

    @Test("an edit of the source after the answer was lost is an edit of the adopted record")
    func editedSource() async throws {
        let (pair, faulty) = try await pair()
        await pair.insert(1...2, .left)
        await faulty.failNext(.afterWrite)
        await #expect(throws: ReplicaError.self) { _ = try await pair.sync() }
        await pair.update(1...1, .left, ["size": .int(9)])
        let result = try await pair.sync()
        #expect(result.totals.writes.right.updates == 1 && result.totals.writes.right.inserts == 0)
        #expect(await pair.counts() == [2, 2])
        #expect(try await pair.sync().run == nil)
    }

    @Test(
        "an insert whose answer was lost is known again when the job has other fields since",
        arguments: [
            [Field("name", .text), Field("size", .int)],
            [Field("size", .int), Field("id", .int), Field("name", .text)],
            [Field("id", .int), Field("note", .text), Field("name", .text), Field("size", .int)],
        ])
    func otherFields(fields: [Field]) async throws {
        var (pair, faulty) = try await pair()
        await pair.insert(1...2, .left)
        _ = try await pair.sync()
        await pair.insert(3...4, .left)
        await faulty.failNext(.afterWrite)
        await #expect(throws: ReplicaError.self) { _ = try await pair.sync() }
        await pair.update(3...3, .left, ["size": .int(9)])

        pair.job.tables = [JobTable(TableSchema("benches", fields: fields, identity: .content))]
        let result = try await pair.sync([.mapping])
        #expect(result.totals.writes.left.inserts + result.totals.writes.right.inserts == 0)
        #expect(await pair.counts() == [4, 4])
        for side in Side.allCases {
            #expect(await pair.rows(side).map { $0["size"] } == [.int(1), .int(1), .int(9), .int(1)])
        }
        #expect(try await pair.sync().run == nil)
    }

    @Test("an id that was given anew is not taken for the record that had it when an older run was cut short")
    func idGivenAnew() async throws {
        var (pair, faulty) = try await pair()
        let faultyLeft = FaultyReplica(pair.left)
        pair.job.replicas.left = faultyLeft
        await pair.left.edit("benches") { $0.reusesIDs = true }
        await pair.insert([1], .left)
        await faulty.failNext(.afterWrite)
        await #expect(throws: ReplicaError.self) { _ = try await pair.sync() }

        await pair.delete([1], .left)
        // It goes to the left before the copy of the first one does, and is given its id.
        _ = await pair.right.edit("benches") { table in
            table.insert(["id": .int(2), "name": .text("bench 2"), "size": .int(1)], id: 500)
        }
        await faultyLeft.failNext(.afterWrite)
        await #expect(throws: ReplicaError.self) { _ = try await pair.sync(Set(Allowance.allCases)) }

        let result = try await pair.sync()
        #expect(result.totals.writes.left.total + result.totals.writes.right.total == 0)
        for side in Side.allCases {
            #expect(Set(await pair.rows(side).map { $0["name"] }) == [.text("bench 1"), .text("bench 2")])
        }
        #expect(try await pair.sync().run == nil)
    }

    @Test("a link survives that a record is deleted and comes back under another id")
    func comesBack() async throws {
        let (pair, _) = try await pair()
        await pair.insert(1...3, .left)
        _ = try await pair.sync()
        await pair.delete(1...1, .left)
        await pair.update(1...1, .right, ["size": .int(9)])
        #expect(try await pair.sync().conflicts == 1)
        let conflict = try #require(await pair.state.conflicts().first)
        try await pair.state.decide([
            conflict.id: Resolution(.side(.right), seen: conflict.seen.map { $0?.fields.digest })
        ])
        #expect(try await pair.sync().totals.writes.left.inserts == 1)
        await pair.update(1...1, .left, ["name": .text("back")])
        let result = try await pair.sync()
        #expect(result.totals.writes.right.updates == 1)
        #expect(await pair.counts() == [3, 3])
        #expect(try await pair.sync().run == nil)
    }

    @Test("a store's habit is no edit of a linked record")
    func normalised() async throws {
        let (pair, _) = try await pair()
        await pair.right.edit("benches") { table in
            table.normalise = { row in
                var row = row
                if case .text(let name)? = row["name"] { row["name"] = .text(name.uppercased()) }
                return row
            }
        }
        await pair.insert(1...2, .left)
        #expect(try await pair.sync().totals.writes.right.inserts == 2)
        #expect(try await pair.sync().run == nil)
        #expect(await pair.name(of: 1, .right) == .text("BENCH 1"))
        await pair.update(1...1, .right, ["size": .int(9)])
        #expect(try await pair.sync().totals.writes.left.updates == 1)
        #expect(await pair.name(of: 1, .left) == .text("bench 1"))
        #expect(try await pair.sync().run == nil)
    }

    @Test("with a lost memory linked records find each other by content, and no copy is made")
    func lostMemory() async throws {
        var (pair, _) = try await pair()
        await pair.insert([1, 2, 2, 3], .left)
        _ = try await pair.sync()
        pair.state = MemoryStateStore(identity: "made anew")
        await pair.delete([3], .right)
        let result = try await pair.sync()
        #expect(result.totals.writes.right.inserts == 1 && result.totals.writes.left.total == 0)
        #expect(await pair.counts() == [4, 4])
    }

    // MARK: Undo

    @Test("an undo that finds a copy edited in between leaves its link, and no second copy is made")
    func undoOvertaken() async throws {
        let (pair, faulty) = try await pair()
        await pair.insert(1...2, .left)
        _ = try await pair.sync()
        await pair.update(1...1, .left, ["name": .text("new")])
        await faulty.meddleNext { await pair.update(1...1, .right, ["size": .int(9)]) }
        let undone = try await pair.synchronizer().undo(1)
        #expect(undone.totals.overtaken == 1 && undone.totals.writes.right.deletes == 1)
        let result = try await pair.sync()
        #expect(result.totals.writes.left.updates == 1 && result.totals.writes.right.updates == 1)
        #expect(result.conflicts == 0)
        #expect(await pair.counts() == [2, 2])
        #expect(await pair.name(of: 1, .right) == .text("new"))
        #expect(try await pair.sync().run == nil)
    }

    @Test("an undo that the store refuses leaves the link, and no second copy is made")
    func undoRefused() async throws {
        let (pair, _) = try await pair()
        await pair.insert(1...1, .left)
        _ = try await pair.sync()
        await pair.update(1...1, .left, ["name": .text("one"), "size": .int(2)])
        _ = try await pair.sync()
        await pair.right.edit("benches") { table in
            table.check = { $0["size"] == .int(1) ? "size must not be 1" : nil }
        }
        #expect(try await pair.synchronizer().undo(2).rejected == 1)
        await pair.update(1...1, .right, ["name": .text("two"), "size": .int(3)])
        let result = try await pair.sync()
        #expect(result.totals.writes.left.updates == 1 && result.conflicts == 0)
        #expect(await pair.counts() == [1, 1])
    }

    @Test("an undo that is undone brings the links back, and edits made since then find their records")
    func undoUndone() async throws {
        let (pair, _) = try await pair()
        await pair.insert(1...2, .left)
        _ = try await pair.sync()
        _ = try await pair.synchronizer().undo(1)
        await pair.update(1...1, .left, ["name": .text("new"), "size": .int(9)])
        #expect(try await pair.synchronizer().undo(2).rejected == 0)
        let result = try await pair.sync()
        #expect(result.totals.writes.right.updates == 1 && result.totals.writes.right.inserts == 0)
        #expect(await pair.counts() == [2, 2])
        #expect(await pair.name(of: 1, .right) == .text("new"))
        #expect(try await pair.sync().run == nil)
    }

    @Test("an undo of an undo that is cut short makes no delete and no second copy")
    func undoUndoneAndCutShort() async throws {
        for failure in [FaultyReplica.Failure.beforeWrite, .afterWrite] {
            let (pair, faulty) = try await pair()
            await pair.insert(1...2, .left)
            _ = try await pair.sync()
            _ = try await pair.synchronizer().undo(1)
            await pair.update(1...1, .left, ["name": .text("new"), "size": .int(9)])
            await faulty.failNext(failure)
            await #expect(throws: ReplicaError.self) { _ = try await pair.synchronizer().undo(2) }
            let result = try await pair.sync()
            #expect(result.totals.writes.left.deletes == 0 && result.conflicts == 0)
            #expect(await pair.counts() == [2, 2])
            #expect(await pair.name(of: 1, .right) == .text("new"))
            #expect(try await pair.sync().run == nil)
        }
    }

    @Test("an undo of an undo leaves alone what a sync has brought back since")
    func undoneTwiceAfterASync() async throws {
        let pair = MemoryPair([Self.linked], rules: TableRules(deletes: .ask))
        await pair.insert(1...3, .right)
        _ = try await pair.sync()
        _ = try await pair.synchronizer().undo(1)
        #expect(await pair.counts() == [0, 3])
        _ = try await pair.sync()
        await pair.delete([1], .right)
        #expect(try await pair.sync().conflicts == 1)
        let result = try await pair.synchronizer().undo(2)
        #expect(result.rejected == 3)
        #expect(await pair.counts() == [3, 2])
    }

    @Test("a link whose other half is gone has one name after an undo")
    func oneName() async throws {
        let (pair, _) = try await pair()
        await pair.insert(1...3, .left)
        _ = try await pair.sync()
        await pair.delete([1], .right)
        _ = try await pair.sync()
        _ = try await pair.synchronizer().undo(2)
        #expect(await pair.counts() == [3, 2])
        #expect(await pair.state.baseCount(of: "benches") == 3)
        _ = try await pair.sync()
        #expect(await pair.counts() == [2, 2])
        #expect(await pair.state.baseCount(of: "benches") == 2)
        #expect(try await pair.sync().run == nil)
    }
}
