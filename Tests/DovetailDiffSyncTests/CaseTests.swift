import DovetailDiffSync
import Testing

/// Every recorded case does what DiffSync does, or says in which of its defects it does not.
@Suite("As DiffSync does it")
struct CaseTests {
    @Test("is what was recorded, or a deviation that says so", arguments: Cases.ids)
    func replay(_ id: String) async throws {
        let recorded = try #require(try Cases.recorded.get()[id])
        let expected = recorded.expect
        let run: CaseRun
        do {
            run = try await CaseRun(recorded)
        } catch {
            #expect(expected["load_exception"]?["type"]?.text == CaseError(error).name, "\(id): load")
            return
        }
        let mismatches = Comparison(run).mismatches
        if run.deviations.isEmpty {
            #expect(mismatches.isEmpty, "\(id)")
        } else {
            // What the diff does otherwise is said by a diff, and so on.
            if mismatches.contains(where: \.isOfDiff) {
                #expect(try run.diff.get().deviations.isEmpty == false, "\(id): \(mismatches)")
            }
            let shortcomings = try await BetterOutcome(run).shortcomings()
            #expect(
                shortcomings.isEmpty,
                """
                \(id): \(run.deviations)
                \((try? run.diff.get().description) ?? "")
                \(run.operations.json)
                \((try? run.post.get().description) ?? "")
                """)
        }
    }

    @Test("there are cases")
    func present() throws { #expect(try Cases.recorded.get().all.count > 100) }
}

/// Where a run is not what was recorded.
struct Comparison {
    struct Mismatch: CustomStringConvertible {
        let what: String
        let expected: String
        let found: String

        var isOfDiff: Bool { what.hasPrefix("diff") }
        var description: String { "\(what): \(found) instead of \(expected)" }
    }

    private(set) var mismatches: [Mismatch] = []

    init(_ run: CaseRun) {
        compareDiff(run)
        compareSync(run)
        comparePost(run)
        if run.recorded.expect["load_exception"] != nil {
            mismatches.append(Mismatch(what: "load", expected: "an error", found: "none"))
        }
    }

    private mutating func compareDiff(_ run: CaseRun) {
        let expected = run.recorded.expect
        switch run.diff {
        case .failure(let error):
            compare("diff error", expected["diff_exception"]?["type"], .text(error.name))
        case .success(let diff):
            let wanted = expected["diff"]
            compare("diff error", expected["diff_exception"]?["type"] ?? .null, .null)
            compare("diff dict", wanted?["dict"], diff.dict())
            compare("diff summary", wanted?["summary"], diff.summary.dict())
            compare("diff elements", wanted?["elements"], CaseRun.elements(diff))
            compare("diff length", wanted?["len"], .int(diff.count))
            compare("diff has diffs", wanted?["has_diffs"], .bool(diff.hasDiffs))
            compare("diff text", wanted?["str"], .text(diff.description))
            compare("diff progress", wanted?["callback"], run.progress.summary(.diff))
        }
    }

    private mutating func compareSync(_ run: CaseRun) {
        let wanted = run.recorded.sync
        let error: DiffSyncValue = run.syncError.map { .text($0.name) } ?? .null
        compare("sync error", wanted["exception"]?["type"] ?? .null, error)
        compare("operations", wanted["ops"], run.operations)
        compare("completions", wanted["sync_complete_calls"], .int(run.completions))
        compare("sync progress", wanted["callback"], run.syncProgress.summary(.sync))
        let types = (try? Cases.recorded.get().schemas["std"]?.models.map(\.type)) ?? []
        compare("final", wanted["final_a"], run.final(run.after, types))
    }

    private mutating func comparePost(_ run: CaseRun) {
        let wanted = run.recorded.sync
        switch run.post {
        case .failure(let error):
            compare("post error", wanted["post_diff_exception"]?["type"], .text(error.name))
        case .success(let diff):
            compare("converged", wanted["converged"], .bool(!diff.hasDiffs))
            compare("post summary", wanted["post_summary"], diff.summary.dict())
        }
    }

    /// The order of objects counts.
    private mutating func compare(_ what: String, _ expected: DiffSyncValue?, _ found: DiffSyncValue) {
        guard expected != found else { return }
        mismatches.append(Mismatch(what: what, expected: expected?.json ?? "nothing", found: found.json))
    }
}
