import Dovetail
import DovetailEngine

/// One step of a scenario.
enum ScenarioStep: Sendable {
    case edit(Side, [Edits])
    case plan([String])
    case sync(ExpectedRun)
    case allow(Set<Allowance>)
    case resolve(Decision)
    case undo(Int, ExpectedRun)
    case waiting(conflicts: Int, rejected: Int)
    case expect([ExpectedRows])
    case quiet
    case verify(differences: Int)

    /// What another program does to one table of one side.
    struct Edits: Sendable {
        var table: ScenarioTable
        var inserts: [[String: Value]]
        var updates: [(key: Value, columns: [String: Value])]
        var deletes: [Value]
    }

    struct ExpectedRun: Sendable {
        var writes = Sides(left: "nothing", right: "nothing")
        var conflicts = 0
        var rejected = 0
        var status: String?
        /// The limits at which it stops.
        var halts: [String] = []
    }

    struct Decision: Sendable {
        var table: ScenarioTable
        var key: String
        var choice: Resolution.Choice
    }

    struct ExpectedRows: Sendable {
        var table: ScenarioTable
        var side: Side
        var rows: [[Value]]
    }

    init(_ part: ScenarioPart, tables: [ScenarioTable]) throws {
        let parts = try part.object([
            "left", "right", "plan", "sync", "allow", "resolve", "undo", "waiting", "expect", "quiet",
            "verify",
        ])
        guard parts.count == 1, let (verb, content) = parts.first else {
            throw part.failure("a step does one thing")
        }
        switch verb {
        case "left", "right":
            let edits: [ScenarioPart] = if case .list = content.tree { try content.list() } else { [content] }
            self = .edit(verb == "left" ? .left : .right, try edits.map { try Edits($0, tables) })
        case "plan": self = .plan(try content.texts())
        case "sync": self = .sync(try ExpectedRun(content))
        case "allow":
            self = .allow(Set(try content.list().map { try $0.word(Allowance.self) }))
        case "resolve": self = .resolve(try Decision(content, tables))
        case "undo":
            let parts = try content.object(ExpectedRun.keys.union(["run"]))
            guard let run = parts["run"] else { throw content.failure("the number of the run is due") }
            self = .undo(try run.int(), try ExpectedRun(parts))
        case "waiting":
            let parts = try content.object(["conflicts", "rejected"])
            self = .waiting(
                conflicts: try parts["conflicts"]?.int() ?? 0, rejected: try parts["rejected"]?.int() ?? 0)
        case "expect":
            let tablesRows: [ScenarioPart] =
                if case .list = content.tree { try content.list() } else { [content] }
            self = .expect(try tablesRows.flatMap { try Self.rows($0, tables) })
        case "quiet": self = .quiet
        default:
            if case .text("agrees") = content.tree {
                self = .verify(differences: 0)
            } else {
                self = .verify(differences: try content.int())
            }
        }
    }

    /// The word that begins the step in the file.
    var verb: String {
        switch self {
        case .edit(let side, _): side.rawValue
        case .plan: "plan"
        case .sync: "sync"
        case .allow: "allow"
        case .resolve: "resolve"
        case .undo: "undo"
        case .waiting: "waiting"
        case .expect: "expect"
        case .quiet: "quiet"
        case .verify: "verify"
        }
    }

    fileprivate static func table(_ part: ScenarioPart?, _ tables: [ScenarioTable]) throws -> ScenarioTable {
        guard let part else { return tables[0] }
        let name = try part.text()
        guard let table = tables.first(where: { $0.schema.name == name }) else {
            throw part.failure("there is no table \(name)")
        }
        return table
    }

    private static func rows(_ part: ScenarioPart, _ tables: [ScenarioTable]) throws -> [ExpectedRows] {
        let parts = try part.object(["table", "left", "right", "both"])
        let table = try table(parts["table"], tables)
        var expected: [ExpectedRows] = []
        for (name, sides) in [("left", [Side.left]), ("right", [.right]), ("both", [.left, .right])] {
            guard let part = parts[name] else { continue }
            let rows = try part.list().map { try table.row($0) }
            expected += sides.map { ExpectedRows(table: table, side: $0, rows: rows) }
        }
        return expected
    }
}

extension ScenarioStep.Edits {
    fileprivate init(_ part: ScenarioPart, _ tables: [ScenarioTable]) throws {
        let parts = try part.object(["table", "insert", "update", "delete"])
        let table = try ScenarioStep.table(parts["table"], tables)
        let fields = table.schema.fields
        self.table = table
        inserts =
            try parts["insert"]?.list().map { part in
                let row = try table.row(part)
                return Dictionary(zip(fields.map(\.name), row), uniquingKeysWith: { first, _ in first })
            } ?? []
        updates =
            try parts["update"]?.entries().map { name, part in
                guard let key = ScenarioPart.value(name, of: fields[table.address].type) else {
                    throw part.failure("“\(name)” is no \(fields[table.address].type.name)")
                }
                var columns: [String: Value] = [:]
                for (field, value) in try part.entries() {
                    guard let index = table.schema.index(of: field) else {
                        throw value.failure("there is no such field")
                    }
                    columns[field] = try value.value(of: fields[index].type)
                }
                return (key, columns)
            } ?? []
        deletes = try parts["delete"]?.list().map { try $0.value(of: fields[table.address].type) } ?? []
    }
}

extension ScenarioStep.ExpectedRun {
    static let keys: Set<String> = ["left", "right", "conflicts", "rejected", "status", "halt"]

    fileprivate init(_ part: ScenarioPart) throws { try self.init(try part.object(Self.keys)) }

    fileprivate init(_ parts: [String: ScenarioPart]) throws {
        for side in Side.allCases { writes[side] = try parts[side.rawValue]?.text() ?? "nothing" }
        conflicts = try parts["conflicts"]?.int() ?? 0
        rejected = try parts["rejected"]?.int() ?? 0
        status = try parts["status"]?.text()
        if let part = parts["halt"] {
            halts = if case .text(let word) = part.tree { [word] } else { try part.texts() }
        }
    }
}

extension ScenarioStep.Decision {
    fileprivate init(_ part: ScenarioPart, _ tables: [ScenarioTable]) throws {
        let parts = try part.object(["table", "key", "take", "fields", "values"])
        let table = try ScenarioStep.table(parts["table"], tables)
        self.table = table
        guard let keyPart = parts["key"] else { throw part.failure("the key is due") }
        key = if case .int(let number) = keyPart.tree { "\(number)" } else { try keyPart.text() }
        if let take = parts["take"] {
            choice = .side(try take.word(Side.self))
            return
        }
        var fields: [String: Resolution.FieldChoice] = [:]
        for (field, part) in try parts["fields"]?.entries() ?? [] {
            fields[field] = .side(try part.word(Side.self))
        }
        for (field, part) in try parts["values"]?.entries() ?? [] {
            guard let index = table.schema.index(of: field) else {
                throw part.failure("there is no such field")
            }
            fields[field] = .value(try part.value(of: table.schema.fields[index].type))
        }
        choice = .fields(fields)
    }
}
