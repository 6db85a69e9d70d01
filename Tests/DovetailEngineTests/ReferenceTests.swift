import Dovetail
import DovetailEngine
import DovetailMemory
import Testing

@Suite("References between records")
struct ReferenceTests {
    private static let parks = TableSchema(
        "parks", fields: [Field("id", .int), Field("name", .text)], identity: .match(["id"]))
    private static let benches = TableSchema(
        "benches", fields: [Field("id", .int), Field("park", .int)], identity: .match(["id"]),
        references: [Reference(fields: ["park"], table: "parks", targetFields: ["id"])])

    private static let key = TableDescription.ForeignKey(
        columns: ["park"], table: "parks", targetColumns: ["id"])

    /// Parks and benches whose stores check the reference.
    private func pair(refuses: @escaping @Sendable (MemoryRow) -> String? = { _ in nil }) async -> MemoryPair
    {
        let pair = MemoryPair([Self.parks, Self.benches])
        for side in Side.allCases {
            await pair[side].edit("benches") { $0.description.foreignKeys = [Self.key] }
        }
        await pair.right.edit("parks") { $0.check = refuses }
        return pair
    }

    private func insert(_ pair: MemoryPair, _ side: Side, parks: [Int64], benches: [(Int64, Int64)]) async {
        await pair[side].edit("parks") { table in
            for id in parks { table.insert(["id": .int(id), "name": .text("park \(id)")]) }
        }
        await pair[side].edit("benches") { table in
            for (id, park) in benches { table.insert(["id": .int(id), "park": .int(park)]) }
        }
    }

    @Test("a child says which parent it waits for, and the parent why it was refused")
    func reasons() async throws {
        let pair = await pair { $0["name"] == .text("park 1") ? "no park may be called so" : nil }
        await insert(pair, .left, parks: [1, 2], benches: [(10, 1), (20, 2)])
        let result = try await pair.sync()
        #expect(result.totals.writes.right.inserts == 2 && result.rejected == 2 && result.status == .waiting)
        let rejections = await pair.state.rejections()
        #expect(
            rejections.map { "\($0.table) \($0.key.words): \($0.rejection.reason)" } == [
                "benches 10: it waits for parks 1, which could not be written",
                "parks 1: no park may be called so",
            ])
        #expect(rejections.map(\.isRetried) == [true, false])
    }

    @Test(
        "a child whose parent is nowhere is set aside in the store's words, and follows when the parent comes"
    )
    func orphan() async throws {
        let pair = await pair()
        await insert(pair, .left, parks: [1], benches: [(10, 1), (20, 2)])
        let result = try await pair.sync()
        #expect(result.totals.writes.right.inserts == 2 && result.rejected == 1)
        #expect(
            await pair.state.rejections().first?.rejection.reason.contains("parks has no such record") == true
        )
        await insert(pair, .right, parks: [2], benches: [])
        let next = try await pair.sync()
        #expect(
            next.totals.writes.left.inserts == 1 && next.totals.writes.right.inserts == 1
                && next.rejected == 0)
        #expect(await pair.state.rejections().isEmpty)
    }

    @Test("a parent in conflict that stands on one side only holds back what refers to it there")
    func parentInConflict() async throws {
        let pair = await pair()
        await insert(pair, .left, parks: [1], benches: [])
        _ = try await pair.sync()
        await pair.right.edit("parks") { table in for id in table.rows.keys { table.delete(id) } }
        await pair.left.edit("parks") { table in
            for id in table.rows.keys { table.update(id) { $0["name"] = .text("edited") } }
        }
        await insert(pair, .right, parks: [2], benches: [])
        await insert(pair, .left, parks: [], benches: [(10, 1)])
        let result = try await pair.sync()
        #expect(result.conflicts == 1 && result.rejected == 1)
        let rejection = try #require(await pair.state.rejections().first)
        #expect(rejection.rejection.reason == "it waits for parks 1, which could not be written")
        let conflict = try #require(await pair.state.conflicts().first)
        try await pair.state.decide([
            conflict.id: Resolution(.side(.left), seen: conflict.seen.map { $0?.fields.digest })
        ])
        let next = try await pair.sync()
        #expect(next.totals.writes.right.inserts == 2 && next.status == .agreed)
        #expect(try await pair.sync().run == nil)
    }

    @Test("a parent that a new child on the other side needs is not deleted away from under it")
    func deletedParent() async throws {
        let pair = await pair()
        await insert(pair, .left, parks: [1], benches: [])
        _ = try await pair.sync()
        await pair.left.edit("parks") { table in for id in table.rows.keys { table.delete(id) } }
        await insert(pair, .left, parks: [2], benches: [])
        await insert(pair, .right, parks: [], benches: [(10, 1)])
        let result = try await pair.sync()
        #expect(result.rejected == 2)
        #expect(await pair.rows(.right, "parks").count == 2)
        #expect(await pair.rows(.right, "benches").count == 1)
        await pair.right.edit("benches") { table in
            for id in table.rows.keys { table.update(id) { $0["park"] = .int(2) } }
        }
        let next = try await pair.sync()
        #expect(next.status == .agreed)
        #expect(await pair.counts("parks") == [1, 1])
        #expect(await pair.counts() == [1, 1])
        #expect(try await pair.sync().run == nil)
    }

    @Test("a record that waits for its new parent holds back nothing where it stands already")
    func waitingParent() async throws {
        let people = TableSchema(
            "people", fields: [Field("id", .int), Field("name", .text), Field("boss", .int)],
            identity: .match(["id"]),
            references: [Reference(fields: ["boss"], table: "people", targetFields: ["id"])])
        var pair = MemoryPair([people])
        pair.chunkSize = 1
        await pair.left.edit("people") { table in
            table.insert(["id": .int(2), "name": .text("Ann"), "boss": .null])
            table.insert(["id": .int(3), "name": .text("Bo"), "boss": .int(2)])
        }
        _ = try await pair.sync()
        await pair.right.edit("people") { table in
            table.check = { $0["name"] == .text("bad") ? "no name" : nil }
        }
        await pair.left.edit("people") { table in
            for (id, row) in table.rows where row["id"] == .int(2) {
                table.update(id) { $0["boss"] = .int(1) }
            }
            for (id, row) in table.rows where row["id"] == .int(3) {
                table.update(id) { $0["name"] = .text("Bob") }
            }
            table.insert(["id": .int(1), "name": .text("bad"), "boss": .null])
        }
        let result = try await pair.sync()
        #expect(result.totals.writes.right.updates == 1 && result.rejected == 2)
        #expect(await pair.rows(.right, "people").map { $0["name"] } == [.text("Ann"), .text("Bob")])
    }

    /// People on the left, each with a friend that the right store checks, and a right side that can fail.
    private func friends(_ links: [(Int64, Int64)]) async -> (MemoryPair, FaultyReplica) {
        let people = TableSchema(
            "people", fields: [Field("id", .int), Field("friend", .int)], identity: .match(["id"]),
            references: [Reference(fields: ["friend"], table: "people", targetFields: ["id"])])
        var pair = MemoryPair([people])
        let foreign = TableDescription.ForeignKey(
            columns: ["friend"], table: "people", targetColumns: ["id"])
        for side in Side.allCases {
            _ = await pair[side].edit("people") { $0.description.foreignKeys = [foreign] }
        }
        let faulty = FaultyReplica(pair.right)
        pair.job.replicas.right = faulty
        pair.chunkSize = 1
        await pair.left.edit("people") { table in
            for (id, friend) in links { table.insert(["id": .int(id), "friend": .int(friend)]) }
        }
        return (pair, faulty)
    }

    @Test("a circle that is cut between its two steps is closed by the next run")
    func circleCut() async throws {
        // Writes of the run: the whole batch is refused, then the retries, then the first steps and the second.
        for failing in 1...8 {
            for failure in [FaultyReplica.Failure.beforeWrite, .afterWrite] {
                let (pair, faulty) = await friends([(1, 2), (2, 3), (3, 1)])
                await faulty.fail(at: failing, failure)
                _ = try? await pair.sync()
                let result = try await pair.sync()
                #expect(result.conflicts + result.rejected == 0, "write \(failing)")
                #expect(try await pair.synchronizer().verify().agrees, "write \(failing)")
                #expect(await pair.counts("people") == [3, 3])
                #expect(try await pair.sync().run == nil, "write \(failing)")
            }
        }
    }

    @Test("a circle that is deleted and cut between its two steps goes with the next run")
    func deletedCircleCut() async throws {
        for failing in 1...8 {
            for failure in [FaultyReplica.Failure.beforeWrite, .afterWrite] {
                let (pair, faulty) = await friends([(1, 2), (2, 1), (3, 3)])
                _ = try await pair.sync()
                await pair.left.edit("people") { table in
                    for (id, row) in table.rows where row["id"] != .int(3) { table.delete(id) }
                }
                await faulty.fail(at: failing, failure)
                _ = try? await pair.sync()
                let result = try await pair.sync()
                #expect(result.conflicts + result.rejected == 0, "write \(failing)")
                #expect(await pair.counts("people") == [1, 1], "write \(failing)")
                #expect(try await pair.sync().run == nil, "write \(failing)")
            }
        }
    }
}
