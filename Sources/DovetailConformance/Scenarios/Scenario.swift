public import Dovetail
import DovetailEngine
public import Foundation

/// Two datasets, edits, rules, and what is to come of them: a readable file that runs over any pair of replicas.
///
/// ```json
/// {
///   "name": "an edit of each side travels to the other",
///   "tables": [{"name": "benches", "match": ["id"], "fields": ["id int", "name text", "size double"]}],
///   "steps": [
///     {"left": {"insert": [[1, "oak", 2], [2, "elm", 3]]}},
///     {"sync": {"right": "2 inserts"}},
///     {"left": {"update": {"1": {"name": "ash"}}}},
///     {"right": {"update": {"2": {"size": 4}}}},
///     {"plan": ["~ right 1 name: oak → ash", "~ left 2 size: 3.0 → 4.0"]},
///     {"sync": {"left": "1 update", "right": "1 update"}},
///     {"expect": {"both": [[1, "ash", 2], [2, "elm", 4]]}},
///     {"quiet": true},
///     {"verify": "agrees"}
///   ]
/// }
/// ```
///
/// A scenario that `needs` `["NaN"]` runs only over stores that hold it.
///
/// ## Tables
/// Fields are written `name type`, with `tolerance=0.1`, `nfc` and `unordered` behind; a type is one of `int`, `double`,
/// `text`, `bool`, `date`, `timestamp`, `decimal`, `uuid`, `point`, or any of these with `[]`. Records are known by `match`, a list
/// of fields, or by `"identity": "id"` or `"content"`. `address` is the column by which edits name a row and plans a
/// record that has no shared key; without it the first key field, or the first field, serves. `unique`, `references`
/// (`"parent -> benches.id"`), `required` hold on both sides, or on one of them inside `"left": {…}` or `"right": {…}`.
/// `"keyed": false` makes no primary key, so that a key can be null or there twice.
///
/// ## Steps
/// | step | meaning |
/// |---|---|
/// | `left`, `right` | another program inserts rows, updates and deletes, in this order; of another table than the first with `table` |
/// | `plan` | the lines of the plan, in any order; see ``PlanNotation`` |
/// | `sync` | what is written on each side, the conflicts, rejected records, and status, or the limit it halts at; what is not named is nothing |
/// | `allow` | limits that are lifted for the next run |
/// | `resolve` | decides an open conflict: `take` a side, or by field `fields` (sides) and `values` (new ones) |
/// | `undo` | takes back a run; the counts as in `sync` |
/// | `waiting` | the conflicts and rejected records that the job remembers |
/// | `expect` | the rows of a side, or of `both`, in any order |
/// | `quiet` | one more run writes nothing |
/// | `verify` | `"agrees"`, or the number of differences |
public struct Scenario: Sendable, CustomStringConvertible {
    /// What it shows, as a sentence.
    public let name: String
    /// The name of its file.
    public let file: String
    let tables: [ScenarioTable]
    private let needsNaN: Bool
    let limits: Limits
    let steps: [ScenarioStep]

    public var description: String { "\(file): \(name)" }

    /// - Parameter mirrored: whether to exchange left and right everywhere: what holds for a scenario holds for its mirror.
    /// - Throws: ``ScenarioFileError``.
    public init(_ file: URL, mirrored: Bool = false) throws {
        self.file = file.lastPathComponent
        let whole: ScenarioPart
        do {
            var data = try Data(contentsOf: file)
            if mirrored { data = Data(Self.mirrored(String(decoding: data, as: UTF8.self)).utf8) }
            whole = ScenarioPart(
                tree: try JSONDecoder().decode(ScenarioTree.self, from: data), place: self.file)
        } catch {
            throw ScenarioFileError(place: self.file, message: "\(error)")
        }
        let parts = try whole.object(["name", "needs", "tables", "rules", "limits", "steps"])
        guard let name = parts["name"], let tables = parts["tables"], let steps = parts["steps"] else {
            throw whole.failure("name, tables and steps are due")
        }
        self.name = try name.text()
        needsNaN = try parts["needs"]?.texts().contains("NaN") ?? false
        self.tables = try tables.list().map { try ScenarioTable($0, jobRules: parts["rules"]) }
        guard !self.tables.isEmpty else { throw tables.failure("at least one table is due") }
        limits = try parts["limits"].map(Self.limits) ?? Limits()
        let known = self.tables
        self.steps = try steps.list().map { try ScenarioStep($0, tables: known) }
    }

    /// The scenario files of a folder, by name.
    public static func files(in folder: URL) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "json" }.sorted { $0.lastPathComponent < $1.lastPathComponent }
    }

    /// Whether stores with these abilities can take part.
    public func fits(_ abilities: Sides<ConformanceAbilities>) -> Bool { obstacle(abilities) == nil }

    /// What keeps stores with these abilities from taking part, in words; nil when nothing does.
    public func obstacle(_ abilities: Sides<ConformanceAbilities>) -> String? {
        Side.allCases.lazy.compactMap { obstacle(abilities[$0], on: $0) }.first
    }

    private func obstacle(_ store: ConformanceAbilities, on side: Side) -> String? {
        if needsNaN, !store.holdsNaN { return "\(side) holds no NaN" }
        if tables.count > 1, !store.holdsSeveralTables { return "\(side) holds one table only" }
        for table in tables {
            let constraints = table.constraints(of: side)
            if let field = table.schema.fields.first(where: { !store.types.contains($0.type) }) {
                return "\(side) holds no \(field.type.name)"
            }
            if !store.assignsIDs, table.isLinked || table.schema.identity == .id {
                return "\(side) assigns no ids"
            }
            if !store.allowsDuplicateKeys, !table.isKeyed { return "\(side) holds a key once" }
            if !store.checksUniqueKeys, !constraints.unique.isEmpty { return "\(side) checks no unique keys" }
            if !store.checksForeignKeys, !constraints.references.isEmpty {
                return "\(side) checks no foreign keys"
            }
            if !store.checksRequired, !constraints.required.isEmpty { return "\(side) requires no values" }
        }
        return nil
    }

    private static func limits(_ part: ScenarioPart) throws -> Limits {
        let parts = try part.object(["deleteNumber", "changes", "onEmptySide"])
        return Limits(
            deleteNumber: try parts["deleteNumber"]?.int(), changes: try parts["changes"]?.int(),
            stopsOnEmptySide: try parts["onEmptySide"]?.text() != "go")
    }

    private static func mirrored(_ text: String) -> String {
        text.replacing(#/\b(?:left|right)\b/#) { $0.output == "left" ? "right" : "left" }
    }
}
