import Dovetail
import DovetailConformance
import DovetailEngine
import DovetailMemory
import DovetailSQLite
import DovetailTestSQLite
import Foundation
import Testing

/// Two kinds of stores between which scenarios run.
struct ScenarioPair: Sendable, CustomTestStringConvertible {
    let name: String
    let left: any ConformanceHarness
    let right: any ConformanceHarness

    var testDescription: String { name }

    private static let memory = MemoryHarness(
        types: [
            .bool, .int, .double, .decimal, .text, .date, .timestamp, .uuid,
            .geometry(GeometryKind(type: "POINT", srid: 4326)),
        ])

    static let all = [
        ScenarioPair(name: "memory and CSV", left: memory, right: FlatFileHarness(.csv)),
        ScenarioPair(name: "CSV and CSV", left: FlatFileHarness(.semicolons), right: FlatFileHarness(.csv)),
        ScenarioPair(
            name: "GeoJSON and GeoPackage", left: FlatFileHarness(.collection),
            right: SQLiteHarness(kind: .geoPackage)),
        ScenarioPair(
            name: "CSV and GeoJSON", left: FlatFileHarness(.csv), right: FlatFileHarness(.collection)),
        ScenarioPair(name: "GeoJSON lines and memory", left: FlatFileHarness(.lines), right: memory),
        ScenarioPair(
            name: "GeoJSON sequences and GeoJSON", left: FlatFileHarness(.separators),
            right: FlatFileHarness(.collection)),
    ]

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Scenarios")

    static func scenarios(mirrored: Bool = false) throws -> [Scenario] {
        try Scenario.files(in: folder).map { try Scenario($0, mirrored: mirrored) }
    }

    func obstacle(_ scenario: Scenario) -> String? {
        scenario.obstacle(Sides(left: left.abilities, right: right.abilities))
    }
}

/// One scenario between one pair.
struct ScenarioCase: Sendable, CustomTestStringConvertible {
    let pair: ScenarioPair
    let scenario: Scenario

    var testDescription: String { "\(pair.name): \(scenario)" }

    static func fitting(mirrored: Bool) -> [ScenarioCase] {
        let scenarios = (try? ScenarioPair.scenarios(mirrored: mirrored)) ?? []
        return ScenarioPair.all.flatMap { pair in
            scenarios.filter { pair.obstacle($0) == nil }.map { ScenarioCase(pair: pair, scenario: $0) }
        }
    }
}

@Suite("Scenarios over flat files")
struct FlatFileScenarioTests {
    @Test("a scenario holds between two stores", arguments: ScenarioCase.fitting(mirrored: false))
    func holds(_ item: ScenarioCase) async throws {
        try await ScenarioRunner(left: item.pair.left, right: item.pair.right).run(item.scenario)
    }

    @Test(
        "a mirrored scenario holds between two stores, written one by one",
        arguments: ScenarioCase.fitting(mirrored: true))
    func holdsOneByOne(_ item: ScenarioCase) async throws {
        try await ScenarioRunner(left: item.pair.left, right: item.pair.right, chunkSize: 1).run(
            item.scenario)
    }

    @Test(
        "what a pair can't express is passed over, and these are all the reasons", arguments: ScenarioPair.all
    )
    func skips(pair: ScenarioPair) throws {
        let scenarios = try ScenarioPair.scenarios()
        let reasons = Dictionary(grouping: scenarios.filter { pair.obstacle($0) != nil }) {
            pair.obstacle($0) ?? ""
        }
        let words = reasons.map { "\($0.key): \($0.value.map(\.file).sorted().joined(separator: ", "))" }
            .sorted()
        print(
            "\(pair.name) runs \(scenarios.count - reasons.values.joined().count) of \(scenarios.count); passed over:"
        )
        for line in words { print("  \(line)") }
        let known = [
            "assigns no ids", "checks no foreign keys", "checks no unique keys", "requires no values",
            "holds no NaN",
            "holds no list of int", "holds one table only",
        ]
        for reason in reasons.keys { #expect(known.contains { reason.hasSuffix($0) }, "\(reason)") }
        #expect(scenarios.count - reasons.values.joined().count >= 28)
    }
}
