import Dovetail
import DovetailEngine

/// One run of the history as a page: what was written, from what to what, and what it left for a person.
///
/// What the job's history does not keep is not shown either, even where an open conflict still holds it.
public struct RunPage {
    let source: RunSource
    var writer: PageWriter

    /// - Parameters:
    ///   - tables: the names of the job's tables, in its order.
    ///   - retention: what the job's history keeps.
    public init(
        _ run: RunRecord, of job: String, labels: Sides<String>, direction: Direction?, tables: [String],
        retention: HistoryRetention, state: any StateStore
    ) {
        source = RunSource(run: run, labels: labels, retention: retention, state: state)
        let names =
            tables.filter { run.counts[$0] != nil } + run.counts.keys.filter { !tables.contains($0) }.sorted()
        let counted = names.compactMap { name in
            run.counts[name].flatMap { $0.isBlank ? nil : (name, $0) }
        }
        var facts = PageFacts(
            title: "Run \(run.number) of \(job)", heading: "Run \(run.number) of \(job)",
            sides: heading(labels, direction), labels: labels, tables: counted,
            quiet: "This run wrote nothing.")
        facts.lines = [
            ("What", run.kind.rawValue), ("Outcome", Self.words(run.status)),
            ("Began", Self.time(run.started)),
        ]
        if let ended = run.ended { facts.lines.append(("Ended", Self.time(ended))) }
        if let message = run.message { facts.notes.append(message) }
        writer = PageWriter(facts: facts)
    }

    /// - Throws: ``PageFileError``, ``StateError``.
    public func write(to file: PageFile) async throws { try await writer.write(source, to: file) }

    private static func time(_ time: Int64) -> String {
        Timestamp(microseconds: time - time % 1_000_000).isoZ
    }

    private static func words(_ status: RunStatus) -> String {
        switch status {
        case .running: "still running, or cut short"
        case .agreed: "both sides agree"
        case .waiting: "conflicts or rejected records wait"
        case .undone: "its edits wait for the next sync"
        case .failed: "failed"
        case .interrupted: "interrupted, completed by the next run"
        }
    }
}

/// The lines of a run: what it found undecided, and its changes.
struct RunSource: EntrySource {
    let run: RunRecord
    let labels: Sides<String>
    let retention: HistoryRetention
    let state: any StateStore

    func counts() async throws -> [EntryGroup: Int] {
        var counts: [EntryGroup: Int] = [:]
        for conflict in try await conflicts() {
            counts[EntryGroup(table: conflict.table, kind: .conflict), default: 0] += 1
        }
        var waiting = try await rejections()
        try await changes { change in
            counts[EntryGroup(table: change.entry.table, kind: change.kind), default: 0] += 1
            if change.outcome == .rejected { waiting[change.id] = nil }
        }
        for record in waiting.values {
            counts[EntryGroup(table: record.table, kind: .refused), default: 0] += 1
        }
        return counts
    }

    func entries(_ receive: EntryReceiver) async throws {
        for conflict in try await conflicts() { try receive(line(of: conflict)) }
        var waiting = try await rejections()
        try await changes { change in
            try receive(line(of: change))
            if change.outcome == .rejected { waiting[change.id] = nil }
        }
        for record in waiting.values.sorted(by: { ($0.table, $0.key) < ($1.table, $1.key) }) {
            try receive(line(of: record))
        }
    }

    private func changes(_ receive: (HistoryChange) throws -> Void) async throws {
        var offset = 0
        while true {
            let chunk = try await state.changes(of: run.number, offset: offset, limit: 2_000)
            if chunk.isEmpty { return }
            for change in chunk { try receive(change) }
            offset += chunk.count
        }
    }

    private func conflicts() async throws -> [ConflictRecord] {
        try await state.conflicts().filter { $0.since == run.number }
    }

    private func rejections() async throws -> [ConflictRecord.ID: RejectionRecord] {
        let found = try await state.rejections().filter { $0.since == run.number }
        return Dictionary(
            found.map { (ConflictRecord.ID(table: $0.table, key: $0.key), $0) },
            uniquingKeysWith: { first, _ in first })
    }

    // MARK: Lines

    private func line(of change: HistoryChange) -> PageEntry {
        let entry = change.entry
        var line = PageEntry(
            table: entry.table, key: entry.key.words, kind: change.kind, side: entry.side)
        let old = (try? entry.seen[entry.side]?.fields.values()) ?? []
        let new = (try? entry.after?.values()) ?? []
        let names = change.layout.fields.map(\.name)
        for (index, name) in names.enumerated() {
            let before = index < old.count ? old[index] : .null
            let after = index < new.count ? new[index] : .null
            if before == after { continue }
            let content: PageEntry.Field.Content =
                switch entry.verb {
                case "insert": .value(after)
                case "delete": .value(before)
                default: .change(old: before, new: after)
                }
            line.fields.append(PageEntry.Field(name: name, content: content))
        }
        line.shapes = Array(old: old, new: new)
        if change.valuesRemoved {
            line.notes.append(line.fields.isEmpty ? "The values are not kept." : "Other values are not kept.")
        }
        switch change.outcome {
        case .applied: break
        case .already: line.notes.append("It was there already.")
        case .open: line.reason = "Sent, and not known to have arrived; the next run finds out."
        case .overtaken: line.reason = change.reason ?? "The record changed meanwhile; it is planned again."
        case .rejected:
            line.reason =
                "\(labels[entry.side]) refused this \(entry.verb)" + (change.reason.map { ": \($0)" } ?? "")
        }
        return line
    }

    private func line(of record: ConflictRecord) -> PageEntry {
        var line = PageEntry(table: record.table, key: record.key.words, kind: .conflict)
        line.reason = record.conflict.reason(labels: labels)
        line.add(record.conflict) { retention.shows($0) }
        line.notes.append(
            record.resolution == nil
                ? "It waits for a decision." : "A decision was made; the next sync carries it out.")
        if retention.values == .full {
            line.add(place: (try? (record.seen.left ?? record.seen.right)?.fields.values()) ?? [])
        }
        return line
    }

    private func line(of record: RejectionRecord) -> PageEntry {
        var line = PageEntry(
            table: record.table, key: record.key.words, kind: .refused, side: record.rejection.side)
        // A store's words may quote the values it refused.
        line.reason =
            retention.values == .full
            ? record.rejection.reason : "The reason is not kept here; it waits with the rejected record."
        return line
    }
}

extension HistoryChange {
    fileprivate var kind: EntryKind {
        switch outcome {
        case .rejected: .refused
        case .overtaken, .open: .unwritten
        case .applied, .already: EntryKind(rawValue: entry.verb) ?? .update
        }
    }

    fileprivate var id: ConflictRecord.ID { ConflictRecord.ID(table: entry.table, key: entry.key) }
}

extension HistoryRetention {
    /// Whether history keeps the values of a field.
    fileprivate func shows(_ field: String) -> Bool {
        switch values {
        case .full: true
        case .none: false
        case .masked: !maskedFields.isEmpty && !maskedFields.contains(field)
        }
    }
}
