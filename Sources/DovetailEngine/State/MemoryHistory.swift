internal import Dovetail

/// Journal and history of a ``MemoryStateStore``.
struct MemoryHistory {
    private struct Change {
        var entry: JournalEntry
        var outcome = ChangeOutcome.open
        var reason: String?
        var layout: TableLayout?
        var valuesRemoved = false
    }

    private struct Run {
        var record: RunRecord
        let generation: Int64
        var changes: [Change] = []
    }

    private struct Target: Hashable {
        let address: MemoryAddress
        let side: Side
    }

    private struct Place {
        let run: Int64
        let sequence: Int
    }

    private var kept: [Int64: Run] = [:]
    private var latest: Int64 = 0
    /// Where the writes stand whose outcome is not known.
    private var open: [Target: [Place]] = [:]

    func generation(of run: Int64) -> Int64 { kept[run]?.generation ?? 0 }

    func runs(limit: Int) -> [RunRecord] {
        kept.keys.sorted(by: >).prefix(max(limit, 0)).compactMap { kept[$0]?.record }
    }

    func changes(of run: Int64, offset: Int, limit: Int) -> [HistoryChange] {
        guard let changes = kept[run]?.changes else { return [] }
        return changes.enumerated().dropFirst(max(offset, 0)).prefix(max(limit, 0)).map { sequence, change in
            HistoryChange(
                sequence: sequence, entry: change.entry, outcome: change.outcome, reason: change.reason,
                layout: change.layout ?? .unknown, valuesRemoved: change.valuesRemoved)
        }
    }

    func intents(of table: String) -> [JournalEntry] {
        let places = open.filter { $0.key.address.table == table }.flatMap(\.value)
        return places.sorted { ($0.run, $0.sequence) < ($1.run, $1.sequence) }
            .compactMap { kept[$0.run]?.changes[$0.sequence].entry }
    }

    mutating func begin(_ start: RunStart) -> Int64 {
        for number in kept.keys where kept[number]?.record.status == .running {
            kept[number]?.record.status = .interrupted
        }
        latest += 1
        kept[latest] = Run(
            record: RunRecord(
                number: latest, kind: start.kind, started: start.time, ended: nil, status: .running,
                counts: [:],
                message: nil),
            generation: start.generation)
        return latest
    }

    mutating func append(
        _ entries: [JournalEntry], run: Int64, layouts: [String: TableLayout], store: String
    ) throws {
        guard let first = kept[run]?.changes.count else {
            throw StateError.failed(store: store, message: "there is no run \(run)")
        }
        for (index, entry) in entries.enumerated() {
            kept[run]?.changes.append(Change(entry: entry, layout: layouts[entry.table]))
            let target = Target(address: MemoryAddress(entry.table, entry.key), side: entry.side)
            open[target, default: []].append(Place(run: run, sequence: first + index))
        }
    }

    /// Notes outcomes, and closes what older runs left open about records that agree now.
    mutating func note(_ memory: Memory, run: Int64) {
        for outcome in memory.outcomes {
            let target = Target(address: MemoryAddress(outcome.table, outcome.key), side: outcome.side)
            close(target, outcome.outcome, outcome.reason) { $0.run <= run }
        }
        guard !open.isEmpty else { return }
        let proven = memory.agreed.map { MemoryAddress($0.table, $0.record.key) }
        for address in proven + memory.gone.map({ MemoryAddress($0.table, $0.key) }) {
            for side in Side.allCases {
                close(Target(address: address, side: side), .already, ChangeOutcome.interruptedReason) {
                    $0.run < run
                }
            }
        }
    }

    private mutating func close(
        _ target: Target, _ outcome: ChangeOutcome, _ reason: String?, where isMeant: (Place) -> Bool
    ) {
        guard let places = open[target], outcome != .open else { return }
        for place in places where isMeant(place) {
            kept[place.run]?.changes[place.sequence].outcome = outcome
            kept[place.run]?.changes[place.sequence].reason = reason
        }
        let left = places.filter { !isMeant($0) }
        open[target] = left.isEmpty ? nil : left
    }

    mutating func finish(_ end: RunEnd, run: Int64, store: String) throws {
        guard var record = kept[run]?.record else {
            throw StateError.failed(store: store, message: "there is no run \(run)")
        }
        record.ended = end.time
        record.status = end.status
        record.counts = end.counts
        record.message = end.message
        kept[run]?.record = record
        if end.status != .failed, end.looksAtEverything {
            for target in open.keys {
                close(target, .overtaken, ChangeOutcome.interruptedReason) { $0.run <= run }
            }
        }
        if end.isConclusive { label(end, run) }
        try retain(end.retention, at: end.time, sparing: latest)
    }

    /// Forgets values and runs that need not be kept.
    mutating func retain(_ retention: HistoryRetention, at time: Int64, sparing newest: Int64?) throws {
        try redact(retention)
        prune(retention, at: time, sparing: newest)
    }

    /// Forgets a run of which nothing is worth keeping.
    mutating func discard(_ run: Int64) {
        kept[run] = nil
        open = open.mapValues { $0.filter { $0.run != run } }.filter { !$0.value.isEmpty }
    }

    /// Notes under which layout this run's changes are, and those of older runs that were interrupted before
    /// theirs was noted.
    private mutating func label(_ end: RunEnd, _ latest: Int64) {
        for number in kept.keys {
            for index in kept[number]?.changes.indices ?? 0..<0 {
                guard let change = kept[number]?.changes[index], let layout = end.layouts[change.entry.table]
                else { continue }
                if number == latest || change.layout == nil { kept[number]?.changes[index].layout = layout }
            }
        }
    }

    private mutating func redact(_ retention: HistoryRetention) throws {
        for number in kept.keys {
            guard var run = kept[number] else { continue }
            for index in run.changes.indices {
                var change = run.changes[index]
                if change.outcome != .open,
                    let redacted = try retention.redacting(
                        change.entry, reason: change.reason, layout: change.layout)
                {
                    change.entry = redacted.entry
                    change.reason = redacted.reason
                    change.valuesRemoved = true
                }
                run.changes[index] = change
            }
            kept[number] = run
        }
    }

    private mutating func prune(_ retention: HistoryRetention, at time: Int64, sparing newest: Int64?) {
        let stillOpen = Set(open.values.flatMap { $0.map(\.run) })
        for (age, number) in kept.keys.sorted(by: >).enumerated() where !stillOpen.contains(number) {
            guard let record = kept[number]?.record, record.status != .running, number != newest else {
                continue
            }
            if retention.drops(record, age: age, at: time) { kept[number] = nil }
        }
    }

    /// A copy in which the open writes of a table are laid out anew, so that they are still recognised.
    func moved(_ table: String, to layout: TableLayout, _ moving: [Int?]) throws -> MemoryHistory {
        var moved = self
        for (target, places) in open where target.address.table == table {
            for place in places {
                guard var change = kept[place.run]?.changes[place.sequence] else { continue }
                change.entry = try change.entry.moved(moving)
                change.layout = layout
                moved.kept[place.run]?.changes[place.sequence] = change
            }
        }
        return moved
    }
}
