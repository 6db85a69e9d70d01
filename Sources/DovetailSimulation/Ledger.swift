import Dovetail
import DovetailEngine
import DovetailMemory

/// What is known of every value a user wrote: the provenance that the laws are checked against.
///
/// Users write *tokens*: words that occur nowhere else. A title is one token, a note has one on each line. A
/// token
/// may leave a side by the engine's hand only if a user took it from the other side, or if a rule or a person
/// decided against it.
struct Ledger {
    private var counters = Sides(left: 0, right: 0)
    /// Tokens that users took from a side. A token that comes back is no longer taken.
    private(set) var taken = Sides<Set<String>>(left: [], right: [])
    /// Tokens that users ever took from a side: an undo that takes them away again restores that.
    private(set) var everTaken = Sides<Set<String>>(left: [], right: [])
    /// Tokens that an accident took from a side, by table: no reason to take them from the other.
    private var lost = Sides<[String: Set<String>]>(left: [:], right: [:])
    /// How often users wrote a token by inserting records: more copies than that are duplicates.
    private(set) var copies: [String: Int] = [:]
    /// Every row that a side ever held, by table and row id.
    private var held = Sides<[String: [Int64: Set<MemoryRow>]]>(left: [:], right: [:])
    /// Keys of records that users deleted.
    private(set) var deleted = Sides<[String: Set<RecordKey>]>(left: [:], right: [:])
    /// Tokens that were decided against, and that the history therefore has to show.
    private(set) var overruled: Set<String> = []
    /// The writes that were journalled last, chunk by chunk, in the order in which they are sent: the next chunk is
    /// journalled while one is sent.
    private var journals = Sides<[[JournalEntry]]>(left: [], right: [])
    /// Records with a write whose answer was lost, and of these the ones a user changed since then.
    private(set) var unanswered: Set<Place> = []
    /// What a side itself calls such a record.
    private var names: [Place: RecordKey] = [:]
    private(set) var ambiguous: Set<Place> = []
    /// How often the sides met anew: each time unlinked records may pair otherwise than before.
    var meetings = 0
    /// What the memory learnt since it was lost or became older than the replicas, by what each side calls the
    /// record; nil as long as it is whole.
    var relearnt: [Place: Sides<RecordKey>]?

    struct Place: Hashable {
        var table: String
        var key: RecordKey
        var side: Side?
    }

    static let tokenFields = ["title", "note"]

    // MARK: Tokens

    mutating func newToken(_ side: Side) -> String {
        counters[side] += 1
        return "\(side == .left ? "l" : "r")\(counters[side])"
    }

    /// The tokens of a value, in the form that stores with habits leave alone.
    static func tokens(_ value: Value?) -> [String] {
        guard case .text(let text)? = value else { return [] }
        return text.split(separator: "\n").map { String($0).trimmed.lowercased() }.filter { !$0.isEmpty }
    }

    static func tokens(_ row: MemoryRow) -> Set<String> {
        Set(tokenFields.flatMap { tokens(row[$0]) })
    }

    /// The value as a store without habits would hold it.
    static func canonical(_ value: Value?) -> Value {
        if case .text(let text)? = value { .text(text.trimmed.lowercased()) } else { value ?? .null }
    }

    // MARK: What happens

    mutating func userWrote(_ side: Side, old: MemoryRow?, new: MemoryRow?) {
        for field in Self.tokenFields {
            let before = Set(Self.tokens(old?[field]))
            let after = Set(Self.tokens(new?[field]))
            taken[side].formUnion(before.subtracting(after))
            everTaken[side].formUnion(before.subtracting(after))
            for token in after.subtracting(before) { copies[token, default: 0] += 1 }
        }
    }

    mutating func userDeleted(_ side: Side, _ table: String, _ key: RecordKey) {
        deleted[side][table, default: []].insert(key)
    }

    mutating func userTouched(_ side: Side, _ table: String, _ key: RecordKey) {
        if unanswered.contains(Place(table: table, key: key, side: side)) {
            ambiguous.insert(Place(table: table, key: key))
        }
    }

    /// A write took effect, and the memory does not know it yet. `own` is what the side calls the record.
    mutating func written(_ side: Side, _ table: String, _ key: RecordKey, own: RecordKey) {
        unanswered.insert(Place(table: table, key: key, side: side))
        unanswered.insert(Place(table: table, key: own, side: side))
        names[Place(table: table, key: key, side: side)] = own
    }

    mutating func doubt(_ table: String, _ key: RecordKey) { ambiguous.insert(Place(table: table, key: key)) }

    mutating func learnt(_ side: Side, _ table: String, _ key: RecordKey) {
        let place = Place(table: table, key: key, side: side)
        unanswered.remove(place)
        if let own = names.removeValue(forKey: place) {
            unanswered.remove(Place(table: table, key: own, side: side))
        }
    }

    /// The memory took in what a run learnt. `keys` are the names that a base record has on both sides.
    mutating func remembered(_ memory: Memory, keys: (_ table: String, BaseRecord) -> Sides<RecordKey>) {
        for (table, base) in memory.agreed {
            relearnt?[Place(table: table, key: base.key)] = keys(table, base)
        }
        for (table, key) in memory.gone { relearnt?[Place(table: table, key: key)] = nil }
    }

    /// A chunk of writes is about to be journalled.
    mutating func journals(_ entries: [JournalEntry]) {
        for side in Side.allCases {
            journals[side].append(entries.filter { $0.side == side })
            journals[side].removeFirst(max(0, journals[side].count - 3))
        }
    }

    /// What was journalled of these writes; nothing when they were not.
    func journalled(_ writes: [ReplicaWrite], _ side: Side) -> [JournalEntry] {
        journals[side].last { chunk in
            chunk.count == writes.count
                && zip(chunk, writes).allSatisfy { entry, write in
                    entry.verb == write.write.verb && entry.after == write.write.result
                        && entry.seen[side]?.fields == write.expected
                        && (write.key == nil || write.key == entry.seen[side]?.key ?? entry.key)
                }
        } ?? []
    }

    /// Whether the chunk that was journalled last writes a record on this side.
    func isJournalled(_ table: String, _ key: RecordKey, on side: Side) -> Bool {
        journals[side].last?.contains { $0.table == table && $0.key == key } ?? false
    }

    /// The memory took in what a run is about to write: where the answer is lost, that stands in for an agreement.
    mutating func journalled(_ entries: [JournalEntry]) {
        for entry in entries where entry.after != nil {
            let place = Place(table: entry.table, key: entry.key)
            if relearnt?[place] == nil { relearnt?[place] = Sides(left: entry.key, right: entry.key) }
        }
    }

    /// Whether the memory learnt of a record since it was last lost: only then may its absence on one side be taken
    /// for a delete.
    func isKnown(_ side: Side, _ table: String, _ key: RecordKey) -> Bool {
        relearnt?.contains { $0.key.table == table && $0.value[side] == key } ?? true
    }

    mutating func arrived(_ side: Side, new: Set<String>) { taken[side].subtract(new) }

    mutating func personWrote(_ token: String) { copies[token, default: 0] += 1 }

    mutating func decidedAgainst(_ token: String) { overruled.insert(token) }

    mutating func accident(_ side: Side, _ table: String, lost tokens: Set<String>) {
        lost[side][table, default: []].formUnion(tokens)
    }

    /// A person says that what an accident took shall be gone, or nothing could tell it from a person's wish.
    mutating func accept(_ side: Side, _ table: String? = nil) {
        for (name, tokens) in lost[side] where table == nil || table == name {
            taken[side].formUnion(tokens)
            lost[side][name] = nil
        }
    }

    mutating func tookBack(_ side: Side, _ tokens: Set<String>) { taken[side].formUnion(tokens) }

    // MARK: What was held

    mutating func note(_ side: Side, _ table: MemoryTable) {
        for (id, row) in table.rows {
            held[side][table.description.name, default: [:]][id, default: []].insert(row)
        }
    }

    /// Whether a side ever held these fields under this key. Fields of `unknown` may be null: they were new
    /// once.
    /// - Parameter upToHabits: whether the form in which a store with habits gives a value back will do.
    func everHeld(
        _ side: Side, _ table: TableSchema, key: RecordKey, fields: PackedRecord, unknown: Set<String>,
        upToHabits: Bool
    ) -> Bool {
        guard let values = try? fields.values(), values.count == table.fields.count else { return false }
        func fits(_ row: MemoryRow) -> Bool {
            zip(table.fields, values).allSatisfy { field, value in
                (row[field.name] ?? .null) == value || (value.isNull && unknown.contains(field.name))
                    || (upToHabits && Self.canonical(row[field.name]) == Self.canonical(value))
            }
        }
        let rows = held[side][table.name] ?? [:]
        if case .match = table.identity { return rows.values.contains { $0.contains(where: fits) } }
        guard case .int(let id)? = try? key.values().first else { return false }
        return rows[id]?.contains(where: fits) ?? false
    }
}
