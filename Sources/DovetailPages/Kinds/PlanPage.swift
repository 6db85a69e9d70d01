import Dovetail
import DovetailEngine

/// A plan as a page that a person opens in a browser: what would be done, from what to what, what waits, what would
/// stop it, and where on the map it is.
///
/// ```swift
/// let file = try PageFile("changes.html")    // refuses a place that can't be written to, before any work
/// try await PlanPage(plan, direction: .both, made: now).write(to: file)
/// ```
/// The page is one file that loads nothing. Memory stays bounded, however many entries the plan has; so does the page:
/// it says what it leaves out, and its counts are of everything.
public struct PlanPage {
    let plan: Plan
    var writer: PageWriter

    /// - Parameters:
    ///   - direction: which way the job's changes go.
    ///   - notes: what else a reader should know, a sentence each.
    ///   - made: when the plan was made, in microseconds since 1970.
    public init(_ plan: Plan, direction: Direction?, notes: [String] = [], made: Int64) {
        self.plan = plan
        let counts = plan.counts
        let tables = plan.tableNames.compactMap { name in counts[name].map { (name, $0) } }
        var facts = PageFacts(
            title: "Plan of \(plan.job)", heading: "What a sync of \(plan.job) would do",
            sides: heading(plan.labels, direction), labels: plan.labels, tables: tables,
            quiet: "Nothing to do: both sides agree.")
        facts.lines = [
            ("Made", Timestamp(microseconds: made - made % 1_000_000).isoZ),
            ("Matched by", Self.matched(plan)),
        ]
        if let reason = plan.meetsAnew {
            facts.notes.append("The sides meet as for the first time: \(reason).")
        } else if plan.isFirstMeeting {
            facts.notes.append("The sides meet for the first time: nothing is deleted.")
        }
        facts.notes += notes
        facts.stops = plan.halts.map { $0.message(labels: plan.labels) }
        writer = PageWriter(facts: facts)
    }

    /// - Throws: ``PageFileError``, ``SpoolError``, ``PackingError``.
    public func write(to file: PageFile) async throws {
        try await writer.write(PlanSource(plan: plan), to: file)
    }

    private static func matched(_ plan: Plan) -> String {
        plan.tableNames.compactMap { name -> String? in
            guard let identity = plan.schema(of: name)?.identity else { return nil }
            let words =
                if case .match(let fields) = identity { fields.joined(separator: ", ") } else {
                    identity.words
                }
            return plan.tableNames.count == 1 ? words : "\(name): \(words)"
        }.joined(separator: "; ")
    }
}

/// The lines of a plan.
struct PlanSource: EntrySource {
    let plan: Plan

    func counts() -> [EntryGroup: Int] {
        var counts: [EntryGroup: Int] = [:]
        for (table, planned) in plan.counts {
            let writes = planned.left + planned.right
            counts[EntryGroup(table: table, kind: .insert)] = writes.inserts
            counts[EntryGroup(table: table, kind: .update)] = writes.updates
            counts[EntryGroup(table: table, kind: .delete)] = writes.deletes
            counts[EntryGroup(table: table, kind: .conflict)] = planned.conflicts
            counts[EntryGroup(table: table, kind: .refused)] = planned.refusals
        }
        return counts
    }

    func entries(_ receive: EntryReceiver) throws {
        for name in plan.tableNames {
            guard let schema = plan.schema(of: name), var reader = try plan.entries(of: name) else {
                continue
            }
            while let entry = try reader.next() { try lines(of: entry, schema, receive) }
        }
    }

    private func lines(of entry: PlanEntry, _ schema: TableSchema, _ receive: EntryReceiver) throws {
        var line = PageEntry(table: entry.table, key: entry.key.words, kind: .conflict)
        switch entry.decision {
        case .unchanged, .agree, .keep: return
        case .conflict(let conflict):
            line.reason = conflict.reason(labels: plan.labels)
            line.add(conflict)
            line.add(place: (try? (entry.seen.left ?? entry.seen.right)?.fields.values()) ?? [])
            try receive(line)
        case .refuse(let refusal):
            line.kind = .refused
            line.reason = refusal.reason(labels: plan.labels)
            line.shapes = Array(place: (try? (entry.seen.left ?? entry.seen.right)?.fields.values()) ?? [])
            try receive(line)
        case .write(let writes, let decided):
            for side in Side.allCases {
                guard let write = writes[side] else { continue }
                try receive(try self.line(of: write, on: side, entry, schema, decided))
            }
        }
    }

    private func line(
        of write: Write, on side: Side, _ entry: PlanEntry, _ schema: TableSchema, _ decided: [Decided]
    ) throws -> PageEntry {
        var line = PageEntry(
            table: entry.table, key: entry.key.words, kind: EntryKind(rawValue: write.verb) ?? .update,
            side: side)
        let old = try entry.seen[side]?.fields.values() ?? []
        let new = try write.result?.values() ?? []
        let names = schema.fields.map(\.name)
        switch write {
        case .insert:
            line.fields = PageEntry.Field.values(names, new)
            line.shapes = Array(old: [], new: new)
        case .delete:
            line.fields = PageEntry.Field.values(names, old)
            line.shapes = Array(old: old, new: [])
        case .update(_, let fields):
            line.fields = fields.filter { $0 < old.count && $0 < new.count && $0 < names.count }.map {
                index in
                PageEntry.Field(
                    name: names[index], content: .change(old: old[index], new: new[index]),
                    note: decided.first { $0.field == names[index] }.flatMap(Self.words))
            }
            line.shapes = Array(old: old, new: new)
        }
        if let whole = decided.first(where: { $0.field == nil }).flatMap(Self.words) {
            line.notes.append(whole)
        }
        return line
    }

    private static func words(_ decided: Decided) -> String? {
        switch decided.by {
        case .policy: "by rule"
        case .person: "as a person decided"
        case .direction: nil
        }
    }
}

extension PageEntry {
    /// Puts both sides of a conflict into the line.
    /// - Parameter isKept: whether the values of a field may be shown.
    mutating func add(_ conflict: Conflict, isKept: (String) -> Bool = { _ in true }) {
        if case .fields(let conflicts) = conflict {
            for field in conflicts {
                let note: String? =
                    switch field.cause {
                    case .asks: nil
                    case .notNewer: "neither is newer"
                    case .notMergeable: "can't be merged"
                    }
                guard isKept(field.field) else {
                    fields.append(Field(name: field.field, content: .name, note: note))
                    continue
                }
                fields.append(
                    Field(
                        name: field.field,
                        content: .sides(base: field.base, left: field.left, right: field.right), note: note))
                if case .geometry(let geometry)? = field.base {
                    shapes.append(MapShape(role: .base, geometry: geometry))
                }
                if case .geometry(let geometry) = field.left {
                    shapes.append(MapShape(role: .left, geometry: geometry))
                }
                if case .geometry(let geometry) = field.right {
                    shapes.append(MapShape(role: .right, geometry: geometry))
                }
            }
        }
    }

    /// Puts the record on the map, if none of its geometries is there already.
    mutating func add(place values: [Value]) {
        if shapes.isEmpty { shapes = Array(place: values) }
    }
}

extension PageEntry.Field {
    /// The fields of a record that hold something.
    static func values(_ names: [String], _ values: [Value]) -> [PageEntry.Field] {
        zip(names, values).filter { !$1.isNull }.map { PageEntry.Field(name: $0, content: .value($1)) }
    }
}
