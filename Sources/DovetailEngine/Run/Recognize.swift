import Dovetail

/// Tells whether the replicas and the state store still belong together.
///
/// A mark names the job, the side, the state store and a generation that grows with each run that changed
/// anything. Both replicas and the store are at one generation, or between two when a run was interrupted.
struct Recognition: Sendable {
    var halts: [Halt] = []
    /// The base can't be trusted: the sides meet as for the first time, and nothing is deleted.
    var meetsAnew: String?

    init(_ state: JobState, _ identities: Sides<ReplicaIdentity>, labels: Sides<String>) {
        for side in Side.allCases { check(side, state, identities[side], labels) }
        if let reason = state.resetReason { meetsAnew = meetsAnew ?? reason }
    }

    private mutating func check(
        _ side: Side, _ state: JobState, _ identity: ReplicaIdentity, _ labels: Sides<String>
    ) {
        let label = labels[side]
        let own = identity.marks.first { $0.side == side && $0.state == state.identity }
        // A run that was cut short may have left its mark already, the first one too; no later one can have.
        if let own, own.generation > max(state.generation, state.pendingGeneration ?? 0) {
            meetsAnew = "the job's memory is older than \(label) (a restored state file?)"
            return
        }
        guard state.generation > 0 else {
            if identity.marks.contains(where: { $0.side == side && $0.state != state.identity }) {
                meetsAnew = "\(label) was synced by this job before, but what was agreed then is lost"
            }
            // The first run was cut short, and may have agreed on something all the same.
            checkCounter(side, state, identity, label)
            return
        }
        guard state.marked[side] else {
            checkCounter(side, state, identity, label)
            return
        }
        if let own {
            if own.generation < state.generation {
                let runs = state.generation - own.generation
                halts.append(
                    .replaced(
                        side: side,
                        reason: "it is \(runs) run\(runs == 1 ? "" : "s") behind (a restored backup?)"))
            }
        } else if identity.marks.contains(where: { $0.side == side.other && $0.state == state.identity }) {
            halts.append(.replaced(side: side, reason: "it is a copy of \(labels[side.other])"))
        } else if identity.marks.contains(where: { $0.side == side }) {
            meetsAnew = "\(label) was synced since then by another copy of this job"
        } else {
            halts.append(
                .replaced(
                    side: side, reason: "it carries no mark of the last run (another file under its name?)"))
        }
    }

    /// A side without a mark has at least as many changes behind it as the last run saw.
    private mutating func checkCounter(
        _ side: Side, _ state: JobState, _ identity: ReplicaIdentity, _ label: String
    ) {
        guard let last = state.changeCounters[side], let now = identity.changeCounter, now < last else {
            return
        }
        halts.append(.replaced(side: side, reason: "it is older than it was (a restored backup?)"))
    }
}

extension Plan {
    /// The generation of a run that carries the plan out: higher than any that the memory or a mark knows of. A memory
    /// that is older than the replicas would else give theirs again, and a backup of them pass for what stands now.
    var nextGeneration: Int64 {
        let marks = (identities.left.marks + identities.right.marks).filter { $0.state == stored.identity }
        return max(
            stored.generation, stored.pendingGeneration ?? 0, marks.map(\.generation).max() ?? 0) + 1
    }
}

extension TableLayout {
    /// Whether records mean the same under both; the rules may differ.
    func hasSameMapping(as other: TableLayout) -> Bool {
        fields == other.fields && identity == other.identity && scope == other.scope
    }

    /// What differs from the layout the base was made under, in words.
    func differences(from old: TableLayout) -> [String] {
        var differences: [String] = []
        if scope != old.scope { differences.append("tables or filter were “\(old.scope)”, are “\(scope)”") }
        if identity != old.identity { differences.append("identity was \(old.identity), is \(identity)") }
        let before = Dictionary(old.fields.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let after = Dictionary(fields.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for field in fields {
            guard let was = before[field.name] else {
                differences.append("field \(field.name) is new")
                continue
            }
            if was.type != field.type {
                differences.append("\(field.name) was \(was.type), is \(field.type)")
            }
            if was.columns != field.columns {
                differences.append("\(field.name) was “\(was.columns)”, is “\(field.columns)”")
            }
        }
        for field in old.fields where after[field.name] == nil {
            differences.append("field \(field.name) is gone")
        }
        if differences.isEmpty, fields != old.fields { differences.append("the order of the fields") }
        return differences
    }

    /// Where each field's packed bytes were under `old`: nil for new fields and for those that mean something else.
    func positions(in old: TableLayout) -> [Int?] {
        fields.map { field in old.fields.firstIndex(of: field) }
    }

    /// Whether the base can be carried over, rather than forgotten.
    func canCarryBase(from old: TableLayout) -> Bool { scope == old.scope && identity == old.identity }
}
