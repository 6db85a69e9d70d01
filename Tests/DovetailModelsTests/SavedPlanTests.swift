import Dovetail
import DovetailEngine
import DovetailModels
import Foundation
import Testing

@Suite("A plan of two datasets that is saved")
struct SavedPlanTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    private func file() throws -> URL {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.appendingPathComponent("plan.json")
    }

    private func pair() throws -> (a: Dataset, b: Dataset) {
        let a = try network("A", sites: ["kept", "changed", "gone"].map { Site(name: $0) })
        let b = try network(
            "B", sites: [Site(name: "kept"), Site(name: "changed", region: "new"), Site(name: "made")])
        return (a, b)
    }

    @Test("is applied as it was read, even when the source has more by then")
    func applied() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let (a, b) = try pair()
        let file = try file()
        try await a.plan(from: b).save(to: file)
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(text.contains("\"dovetail\":\"plan\"") && text.contains("\"decision\":\"write\""))
        try b.add(Site(name: "later"))
        let result = try await a.apply(planAt: file, from: b)
        #expect(result.isComplete && result.applied.count == 3)
        #expect(Set(a.all(Site.self).map(\.name)) == ["kept", "changed", "made"])
        // Applied once more it finds all of it done, and changes nothing.
        let again = try await a.apply(planAt: file, from: b)
        #expect(again.applied.isEmpty)
        #expect(Set(a.all(Site.self).map(\.name)) == ["kept", "changed", "made"])
    }

    @Test("does not overwrite what changed since")
    func stale() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let (a, b) = try pair()
        let file = try file()
        try await a.plan(from: b).save(to: file)
        // In the meantime someone edits the record that the plan updates, and the one that it deletes.
        let edited = try network(
            "A",
            sites: [
                Site(name: "kept"), Site(name: "changed", region: "mine"), Site(name: "gone", region: "used"),
            ]
        )
        let result = try await edited.apply(planAt: file, from: b)
        #expect(result.applied.map(\.key.words) == ["made"])
        #expect(Set(result.skipped.map(\.key.words)) == ["changed", "gone"])
        #expect(result.skipped.allSatisfy { $0.reason == "it changed on A since then" })
        #expect(
            Set(edited.all(Site.self).map { "\($0.name) \($0.region ?? "")" }) == [
                "kept ", "changed mine", "gone used", "made ",
            ])
    }

    @Test("that holds nothing does nothing, whatever has changed since")
    func empty() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let a = try network("A", sites: [Site(name: "x")])
        let file = try file()
        try await a.plan(from: network("B", sites: [Site(name: "x")])).save(to: file)
        let result = try await a.apply(
            planAt: file, from: network("B", sites: [Site(name: "x", region: "new")]))
        #expect(result.operations.isEmpty && a.all(Site.self)[0].region == nil)
    }

    @Test("keeps the rules that it was made under")
    func rules() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let (a, b) = try pair()
        let file = try file()
        try await a.plan(from: b, rules: [.never(.delete)]).save(to: file)
        try await a.apply(planAt: file, from: b)
        #expect(Set(a.all(Site.self).map(\.name)) == ["kept", "changed", "made", "gone"])
    }

    @Test("of another pair, changed by hand, or cut short is refused in words")
    func refused() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let (a, b) = try pair()
        let file = try file()
        try await a.plan(from: b).save(to: file)
        await #expect(throws: PlanFileError.self) { try await b.apply(planAt: file, from: a) }
        let text = try String(contentsOf: file, encoding: .utf8)
        try text.replacingOccurrences(of: "\"new\"", with: "\"old\"").write(
            to: file, atomically: true, encoding: .utf8)
        await #expect(throws: PlanFileError.self) { try await a.apply(planAt: file, from: b) }
        try String(text.dropLast(30)).write(to: file, atomically: true, encoding: .utf8)
        await #expect(throws: PlanFileError.self) { try await a.apply(planAt: file, from: b) }
        await #expect(throws: PlanFileError.self) {
            try await a.apply(planAt: folder.appendingPathComponent("none"), from: b)
        }
        #expect(a.all(Site.self).count == 3)
        let plan = try await a.plan(from: b)
        #expect(throws: PlanFileError.self) {
            try plan.save(to: folder.appendingPathComponent("no/such/place"))
        }
    }

    @Test("both ways is applied to both, and moves the base")
    func bothWays() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let (a, b) = try pair()
        let both = Reconciliation(a, b, base: MemoryStateStore())
        try await both.sync()
        let c = try network("A", sites: a.all(Site.self) + [Site(name: "from a")])
        let d = try network("B", sites: b.all(Site.self).filter { $0.name != "made" })
        let next = Reconciliation(c, d, base: both.base)
        let file = try file()
        try await next.plan().save(to: file)
        let result = try await next.apply(planAt: file)
        #expect(
            Set(result.applied.map { "\($0.dataset) \($0.action) \($0.key.words)" }) == [
                "A delete made", "B create from a",
            ])
        #expect(try await c.diff(from: d).elements.map(\.name) == ["changed"])
        #expect(try await next.plan().isQuiet)
    }
}
