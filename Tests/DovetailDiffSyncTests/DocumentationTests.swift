import DovetailDiffSync
import Foundation
import Testing

/// The section “As DiffSync does it” of docs/datasets.md.
@Suite("The page on datasets")
struct DocumentationTests {
    /// The recorded cases that deviate, by the name of the deviation: rows `| name | … | ids |`.
    private func documented() throws -> [String: Set<String>] {
        let page = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(
                path: "../../docs/datasets.md"), encoding: .utf8)
        var rows: [String: Set<String>] = [:]
        for line in page.split(separator: "\n") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 4, cells[0].hasPrefix("`"),
                let kind = DiffSyncDeviation(rawValue: cells[0].trimmingCharacters(in: ["`"]))
            else { continue }
            rows[kind.rawValue] = Set(cells[3].split(separator: " ").map(String.init)).subtracting(["–"])
        }
        return rows
    }

    @Test("lists each recorded case that deviates, and no other", .enabled(if: Cases.isOwn))
    func deviations() async throws {
        var found: [String: Set<String>] = [:]
        for kind in DiffSyncDeviation.allCases { found[kind.rawValue] = [] }
        for recorded in try Cases.recorded.get().all {
            guard let run = try? await CaseRun(recorded) else { continue }
            for kind in run.deviations { found[kind.rawValue, default: []].insert(recorded.id) }
        }
        let documented = try documented()
        for (kind, ids) in found {
            #expect(documented[kind] == ids, "\(kind): \(ids.sorted().joined(separator: " "))")
        }
    }

    @Test("has an example that prints what it says")
    func example() async throws {
        let schema = try DiffSyncSchema(
            topLevel: ["site"],
            models: [
                .init(
                    "site", identifiers: ["name"], attributes: ["region"],
                    children: [.init("device", as: "devices")]),
                .init("device", identifiers: ["name"], attributes: ["role"]),
            ])
        var inventory = DiffSyncAdapter("inventory", schema)
        var network = DiffSyncAdapter("network", schema)
        let site = try inventory.add("site", ["name": "nyc"], ["region": "east"])
        try inventory.add("device", ["name": "sw1"], ["role": "leaf"], below: site)
        try network.load(
            DiffSyncValue(
                json: """
                    [{"type": "site", "ids": {"name": "nyc"}, "attrs": {"region": "east"}, "children": [
                        {"type": "device", "ids": {"name": "sw1"}, "attrs": {"role": "spine"}},
                        {"type": "device", "ids": {"name": "sw2"}, "attrs": {"role": "leaf"}}]}]
                    """))
        inventory.on("device", create: { _ in .done }, update: { _ in .done })
        let diff = try inventory.diffFrom(network)
        #expect(
            diff.description == """
                site
                  site: nyc
                    device
                      device: sw1
                        role    network(spine)    inventory(leaf)
                      device: sw2 MISSING in inventory
                """)
        #expect(
            diff.summary.dict().json == #"{"create":1,"update":1,"delete":0,"no-change":1,"skip":0}"#)
        let result = try await inventory.syncFrom(network, flags: .continueOnFailure, diff: diff)
        #expect(result.owed.isEmpty)
        #expect(try !inventory.diffFrom(network).hasDiffs)
        #expect(inventory.dict()["site"]?["nyc"]?["devices"] == ["sw1", "sw2"])
    }
}
