import Dovetail
import DovetailEngine
import DovetailMemory
import Testing

/// What a run remembers of refusals must not depend on which side is called left.
@Suite("Records that are refused, whole or by half")
struct RejectionTests {
    private static let upper: @Sendable (MemoryRow) -> MemoryRow = { row in
        guard case .text(let name)? = row["name"] else { return row }
        return row.merging(["name": .text(name.uppercased())]) { $1 }
    }

    @Test("a half that went through is agreed although the other is refused", arguments: Side.allCases)
    func halfIsAgreed(refusing: Side) async throws {
        let pair = try await MemoryPair.agreed(2)
        await pair.update([2], refusing, ["size": .int(2)])
        _ = try await pair.sync()
        await pair[refusing].edit("benches") { $0.description.uniqueKeys = [["size"]] }
        await pair[refusing.other].edit("benches") { $0.normalise = Self.upper }
        await pair.update([1], refusing, ["name": .text("new")])
        await pair.update([1], refusing.other, ["size": .int(2)])
        #expect(try await pair.sync().rejected == 1)
        #expect(await pair.name(of: 1, refusing.other) == .text("NEW"))

        await pair.update([1], refusing.other, ["name": .text("NEWER")])
        await pair.update([2], refusing, ["size": .int(3)])
        let result = try await pair.sync()
        #expect(result.status == .agreed && result.conflicts == 0)
        #expect(await pair.rows(refusing).first == ["id": .int(1), "name": .text("NEWER"), "size": .int(2)])
        #expect(try await pair.sync().run == nil)
    }

    @Test("a half that went through is agreed although the other was overtaken", arguments: Side.allCases)
    func halfIsAgreedWhereOvertaken(meddled: Side) async throws {
        var pair = try await MemoryPair.agreed(1)
        let faulty = FaultyReplica(pair[meddled])
        pair.job.replicas[meddled] = faulty
        await pair[meddled.other].edit("benches") { $0.normalise = Self.upper }
        await pair.update([1], meddled, ["name": .text("new")])
        await pair.update([1], meddled.other, ["size": .int(2)])
        await faulty.meddleNext { [pair] in await pair.update([1], meddled, ["name": .text("newer")]) }
        let result = try await pair.sync()
        #expect(result.status == .agreed && result.conflicts == 0)
        #expect(await pair.rows(meddled).first == ["id": .int(1), "name": .text("newer"), "size": .int(2)])
        #expect(await pair.name(of: 1, meddled.other) == .text("NEWER"))
        #expect(try await pair.sync().run == nil)
    }

    /// Both sides hold benches 1 and 2 and agree on them; `picky` refuses bad names, the other side sizes that it has.
    private func pair(picky: Side) async throws -> MemoryPair {
        let pair = try await MemoryPair.agreed(2)
        await pair.update([2], picky, ["size": .int(2)])
        _ = try await pair.sync()
        await pair[picky].edit("benches") { $0.check = Self.refusal(of: "name", .text("bad")) }
        await pair[picky.other].edit("benches") { $0.description.uniqueKeys = [["size"]] }
        return pair
    }

    private static func refusal(of field: String, _ value: Value) -> @Sendable (MemoryRow) -> String? {
        { $0[field] == value ? "\(field) must not be \(value.words)" : nil }
    }

    @Test(
        "it is tried again as long as one of the refusals may pass, and then only the other one stands",
        arguments: Side.allCases)
    func halfMayStillGoThrough(picky: Side) async throws {
        let pair = try await pair(picky: picky)
        await pair.update([1], picky, ["size": .int(2)])
        await pair.update([1], picky.other, ["name": .text("bad")])
        #expect(try await pair.sync().rejected == 1)
        let both = try #require(await pair.state.rejections().first)
        #expect(both.rejection.side == picky.other && both.isRetried)
        #expect(both.rejection.reason == "size is not unique")

        await pair.update([2], picky.other, ["size": .int(3)])
        #expect(try await pair.sync().rejected == 1)
        #expect(await pair.rows(picky.other).map { $0["size"] } == [.int(2), .int(3)])
        let last = try #require(await pair.state.rejections().first)
        #expect(last.rejection.side == picky && !last.isRetried)
        #expect(last.rejection.reason == "name must not be bad")
        _ = try await pair.sync()
        #expect(try await pair.sync().run == nil)
    }

    @Test("two refusals that nothing can lift leave the mirrored plan in the mirrored job")
    func refusedForGood() async throws {
        var plans: [Decision] = []
        for first in Side.allCases {
            let pair = try await MemoryPair.agreed(1)
            await pair[first].edit("benches") { $0.check = Self.refusal(of: "name", .text("bad")) }
            await pair[first.other].edit("benches") { $0.check = Self.refusal(of: "size", .int(13)) }
            await pair.update([1], first.other, ["name": .text("bad")])
            await pair.update([1], first, ["size": .int(13)])
            #expect(try await pair.sync().rejected == 1)
            let plan = try await pair.synchronizer().plan()
            var reader = try #require(try plan.entries(of: "benches"))
            let decision = try #require(try reader.next()?.decision)
            guard case .refuse(.rejectedBefore) = decision else {
                Issue.record("\(decision)")
                continue
            }
            plans.append(first == .left ? decision : decision.mirrored)
        }
        #expect(plans.count == 2 && plans.first == plans.last)
    }
}
