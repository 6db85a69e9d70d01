import Dovetail
import DovetailEngine
import DovetailMemory
import Foundation
import Testing

@Suite("Saved plans")
struct PlanFileTests {
    /// A file of its own, gone when the test is over.
    private final class PlanPlace: Sendable {
        let url = FileManager.default.temporaryDirectory.appending(path: "plan-\(UUID().uuidString).json")
        deinit { try? FileManager.default.removeItem(at: url) }

        func save(_ plan: Plan) throws {
            var whole = Data()
            try PlanFile.write(plan) { whole += $0 }
            try whole.write(to: url)
        }

        var text: String { get throws { try String(contentsOf: url, encoding: .utf8) } }
        func edit(_ change: (String) -> String) throws { try Data(change(try text).utf8).write(to: url) }
    }

    /// A job with an insert, an update, a delete and a conflict before it, and its plan in a file.
    private func planned() async throws -> (MemoryPair, PlanPlace) {
        let pair = try await MemoryPair.agreed(9)
        await pair.insert(10...10, .left)
        await pair.update(1...1, .left, ["name": .text("new")])
        await pair.delete(2...2, .right)
        await pair.update(3...3, .left, ["name": .text("left's")])
        await pair.update(3...3, .right, ["name": .text("right's")])
        let place = PlanPlace()
        try place.save(try await pair.synchronizer().plan())
        return (pair, place)
    }

    private func refusal(_ pair: MemoryPair, _ place: PlanPlace) async throws -> String {
        let before = try await pair.moment()
        let error = await #expect(throws: PlanFileError.self) {
            _ = try await pair.synchronizer().apply(planAt: place.url)
        }
        #expect(try await pair.moment() == before)
        return (error?.description ?? "").replacing(place.url.path, with: "FILE")
    }

    @Test("a plan comes out of its file as it went in, with values of every kind")
    func roundTrip() async throws {
        let schema = TableSchema(
            "benches",
            fields: [
                Field("id", .int), Field("d", .double), Field("t", .text), Field("b", .bytes),
                Field("day", .date),
                Field("at", .timestamp), Field("place", .geometry(GeometryKind(type: "POINT", srid: 4326))),
                Field("list", .list(.int)), Field("flag", .bool), Field("json", .json),
            ], identity: .match(["id"]))
        let pair = MemoryPair([schema])
        let point: [UInt8] = [1, 1, 0, 0, 0] + Array(repeating: 0, count: 16)
        let row: MemoryRow = [
            "id": .int(.max), "d": .double(0.1), "t": .text("e\u{301} \"\n,\u{0}"), "b": .bytes([0, 255]),
            "day": .date(CalendarDate(days: 1)), "at": .timestamp(Timestamp(microseconds: 1)),
            "place": .geometry(Geometry(srid: 4326, canonicalWKB: point)), "list": .list([.int(1), .null]),
            "flag": .bool(true), "json": .json("{\"a\":null}"),
        ]
        _ = await pair.left.edit("benches") { $0.insert(row) }
        let empty: MemoryRow = ["id": .int(1), "d": .double(.nan), "t": .text("")]
        _ = await pair.left.edit("benches") { $0.insert(empty) }
        let place = PlanPlace()
        try place.save(try await pair.synchronizer().plan())
        let result = try await pair.synchronizer().apply(planAt: place.url)
        #expect(result.totals.writes.right.inserts == 2)
        #expect(try await pair.synchronizer().verify().agrees)
        #expect(await pair.rows(.right).first { $0["id"] == .int(.max) } == row)
    }

    @Test("a saved plan says what is to come, without the agreements, and applying it does just that")
    func applied() async throws {
        let (pair, place) = try await planned()
        var lines: [PlanLine] = []
        let header = try PlanFile.read(place.url) { lines.append($0) }
        #expect(
            header.job == "benches" && header.left == "office" && header.right == "field"
                && header.halts == [])
        #expect(lines.map(\.decision) == ["write", "write", "conflict", "write"])
        #expect(lines.map(\.key) == [[.int(1)], [.int(2)], [.int(3)], [.int(10)]])
        let result = try await pair.synchronizer().apply(planAt: place.url)
        #expect(result.totals.writes.right.inserts == 1 && result.totals.writes.right.updates == 1)
        #expect(result.totals.writes.left.deletes == 1)
        #expect(await pair.name(of: 1, .right) == .text("new"))
        #expect(await pair.name(of: 3, .right) == .text("right's"))
        let record = try #require(await pair.state.runs(limit: 1).first)
        #expect(record.kind == .apply)
        let after = try await pair.sync()
        #expect(after.conflicts == 1 && after.totals.writes.left.total + after.totals.writes.right.total == 0)
    }

    @Test("a plan that was applied already changes nothing when it is applied again")
    func appliedTwice() async throws {
        let (pair, place) = try await planned()
        _ = try await pair.synchronizer().apply(planAt: place.url)
        let rows = [await pair.rows(.left), await pair.rows(.right)]
        let result = try await pair.synchronizer().apply(planAt: place.url)
        #expect(result.totals.writes.left.total + result.totals.writes.right.total == 0)
        let now = [await pair.rows(.left), await pair.rows(.right)]
        #expect(now == rows)
    }

    @Test("an edited plan is refused, wherever it was edited")
    func edited() async throws {
        for (old, new) in [
            ("\"new\"", "\"now\""), ("\"counts\"", "\"count\""), ("bench 10", "bench 11"),
            ("\"job\":\"benches\"", "\"job\":\"seats\""),
        ] {
            let (pair, place) = try await planned()
            let before = try place.text
            try place.edit { $0.replacing(old, with: new) }
            #expect(try place.text != before)
            let message = try await refusal(pair, place)
            #expect(
                message == "FILE was changed after it was made; make a new plan"
                    || message.hasPrefix("FILE is no plan"))
        }
    }

    @Test("a plan with a line less, a line twice or in another order is refused")
    func reordered() async throws {
        for change in [
            { lines in lines.remove(at: 1) }, { lines in lines.insert(lines[1], at: 1) },
            { lines in lines.swapAt(1, 2) },
        ] as [(inout [Substring]) -> Void] {
            let (pair, place) = try await planned()
            try place.edit { text in
                var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
                change(&lines)
                return lines.joined(separator: "\n")
            }
            #expect(try await refusal(pair, place) == "FILE was changed after it was made; make a new plan")
        }
    }

    @Test("a plan that was cut short is refused, wherever it ends")
    func cut() async throws {
        let (pair, place) = try await planned()
        let whole = try place.text
        for count in [0, 1, 50, whole.count / 2, whole.count - 60, whole.count - 5] {
            try place.edit { _ in String(whole.prefix(count)) }
            let message = try await refusal(pair, place)
            #expect(
                message.hasPrefix("FILE ends too early")
                    || message.hasPrefix("FILE is no plan of dovetail plan --out")
                    || message.hasPrefix("FILE was changed"), "\(count): \(message)")
        }
    }

    @Test("a plan of another job, of another version, or no plan at all is refused in words")
    func foreign() async throws {
        let (pair, place) = try await planned()
        var other = pair
        other.job.name = "trees"
        #expect(try await refusal(other, place) == "FILE is a plan of the job benches, not of trees")
        try place.edit { $0.replacing("\"version\":1", with: "\"version\":2") }
        #expect(
            try await refusal(pair, place) == "FILE is a plan of version 2; this Dovetail reads version 1")
        try place.edit { _ in "{\"some\":\"json\"}" }
        #expect(try await refusal(pair, place) == "FILE is no plan of dovetail plan --out")
        try FileManager.default.removeItem(at: place.url)
        #expect(try await refusal(pair, place).hasPrefix("FILE can't be read"))
    }

    @Test(
        "a record that changed since the plan was made is refused, on either side, and the others go through")
    func changedSince() async throws {
        let (pair, place) = try await planned()
        await pair.update(1...1, .right, ["size": .int(5)])
        await pair.update(2...2, .left, ["size": .int(5)])
        let result = try await pair.synchronizer().apply(planAt: place.url)
        #expect(result.rejected == 2)
        #expect(result.totals.writes.right.inserts == 1)
        #expect(result.totals.writes.left.total + result.totals.writes.right.updates == 0)
        #expect(await pair.name(of: 1, .right) == .text("bench 1"))
        let next = try await pair.sync()
        #expect(next.totals.writes.right.updates == 1 && next.totals.writes.left.updates == 1)
        #expect(next.conflicts == 2)
    }

    @Test("a record that came on the other side since the plan was made is not overwritten")
    func cameSince() async throws {
        let (pair, place) = try await planned()
        await pair.insert(10...10, .right, name: "another")
        let result = try await pair.synchronizer().apply(planAt: place.url)
        #expect(result.rejected == 1)
        #expect(await pair.name(of: 10, .right) == .text("another 10"))
    }

    @Test("a plan goes through the same brakes as a sync")
    func brakes() async throws {
        let pair = try await MemoryPair.agreed(60)
        await pair.delete(1...20, .left)
        let place = PlanPlace()
        try place.save(try await pair.synchronizer().plan())
        #expect(try place.text.contains("--allow deletes"))
        let before = try await pair.moment()
        let halted = await #expect(throws: RunHalted.self) {
            _ = try await pair.synchronizer().apply(planAt: place.url)
        }
        #expect(halted?.description.contains("20 of 60 records would be deleted on field") == true)
        #expect(try await pair.moment() == before)
        #expect(
            try await pair.synchronizer().apply(planAt: place.url, allowing: [.deletes]).totals.writes.right
                .deletes == 20)
    }

    @Test("a plan is not applied to a replica that was put in the place of the one it was made for")
    func replacedSince() async throws {
        let (pair, place) = try await planned()
        await pair.right.replace(with: [MemoryTable(MemoryPair.benches)])
        let halted = await #expect(throws: RunHalted.self) {
            _ = try await pair.synchronizer().apply(planAt: place.url)
        }
        #expect(halted?.description.contains("field is not what the last run left") == true)
    }

    @Test("a delete of a plan rests on an agreement that the memory still holds")
    func memoryLostSince() async throws {
        var pair = try await MemoryPair.agreed(3, rules: TableRules(direction: .leftToRight))
        await pair.delete(2...2, .left)
        let place = PlanPlace()
        try place.save(try await pair.synchronizer().plan())
        pair.state = MemoryStateStore(identity: "made anew")
        _ = try await pair.sync()
        let result = try await pair.synchronizer().apply(planAt: place.url)
        #expect(result.rejected == 1 && result.totals.writes.right.deletes == 0)
        #expect(await pair.counts() == [2, 3])
    }

    @Test("a plan is not applied once the fields have changed")
    func remappedSince() async throws {
        let (pair, place) = try await planned()
        var narrower = pair
        narrower.job.tables[0].schema.fields.removeLast()
        for side in Side.allCases {
            narrower.job.tables[0].views[side].columns.removeLast()
            narrower.job.tables[0].views[side].schema = narrower.job.tables[0].schema
        }
        #expect(
            try await refusal(narrower, place)
                == "what is compared in benches has changed since the last run (field size is gone); sync first, and make a new plan"
        )
    }

    @Test("a plan about a table that is gone halts", arguments: Side.allCases)
    func vanished(side: Side) async throws {
        var (pair, place) = try await planned()
        pair.job.vanished = [("benches", side)]
        pair.job.tables = []
        let error = await #expect(throws: RunHalted.self) {
            _ = try await pair.synchronizer().apply(planAt: place.url, allowing: Set(Allowance.allCases))
        }
        #expect(error?.halts == [.tableVanished(table: "benches", side: side)])
    }

    // MARK: Large plans

    @Test("a plan of a hundred thousand entries lies in a file, and is read back whole and in order")
    func spills() throws {
        let spool = PlanSpool()
        let files = try openTemporaryFiles()
        var bytes = 0
        let text = Value.text(String(repeating: "x", count: 80))
        for id in 0..<100_000 {
            let record = PackedRecord([.int(Int64(id)), text])
            bytes += record.bytes.count
            try spool.emit(
                PlanEntry(
                    table: "benches", key: RecordKey([Value.int(Int64(id))]), base: nil,
                    seen: Sides(
                        left: Record(key: RecordKey([Value.int(Int64(id))]), fields: record), right: nil),
                    decision: .write(Sides(left: nil, right: .insert(record)), decided: [])))
        }
        #expect(spool.count == 100_000 && bytes > 8 << 20)
        #expect(try openTemporaryFiles() == files + 1)
        for _ in 1...2 {
            var reader = try spool.reader()
            var count = 0
            while let entry = try reader.next() {
                if entry.key != RecordKey([Value.int(Int64(count))]) { break }
                count += 1
            }
            #expect(count == 100_000)
        }
    }

    @Test("a small plan needs no file")
    func staysInMemory() throws {
        let spool = PlanSpool()
        try spool.emit(
            PlanEntry(
                table: "t", key: RecordKey([]), base: nil, seen: Sides(left: nil, right: nil),
                decision: .agree))
        var reader = try spool.reader()
        #expect(try reader.next()?.decision == .agree)
        #expect(try reader.next() == nil)
    }

    /// Files of plans that this process has open, although their names are gone.
    private func openTemporaryFiles() throws -> Int {
        let folder = "/proc/self/fd"
        guard FileManager.default.fileExists(atPath: folder) else { return 0 }
        return try FileManager.default.contentsOfDirectory(atPath: folder).count { descriptor in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(descriptor)")
            return target?.contains("/dovetail-") == true && target?.hasSuffix(".plan (deleted)") == true
        }
    }
}
