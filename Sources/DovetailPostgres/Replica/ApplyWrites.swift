import Dovetail
import DovetailEngine

/// Carries out a batch of writes in one transaction, each only if its record is as expected.
///
/// It belongs to the thread of its connection and is used for one batch.
final class ApplyWrites {
    let plan: ViewPlan
    let session: Session
    let writes: [ReplicaWrite]
    let stage: WriteStage
    let traits: TableTraits
    private let finder: RecordFinder
    private var outcomes: [WriteOutcome?]
    /// Whether each write was made by a statement.
    private var isMade: [Bool]
    /// Writes that take their record out of the condition of the view.
    private var refused: Set<Int> = []
    /// The form of the write before, which the next one often shares.
    private var lastUpdate: (fields: [Int], form: WriteStage.Form)?

    init(_ plan: ViewPlan, _ session: Session, _ writes: [ReplicaWrite]) throws {
        if let reason = plan.facts.readOnlyReason {
            throw plan.place.error(.unsuitable, "table \(plan.facts.name) can't be written to: \(reason)")
        }
        self.plan = plan
        self.session = session
        self.writes = writes
        stage = WriteStage(plan, session)
        traits = try TableTraits(plan.facts, session)
        guard traits.mayReadPlaces else {
            throw plan.place.error(
                .forbidden,
                "this role may read only some columns of \(plan.facts.name), which is not enough to write to it;"
                    + " its owner can GRANT SELECT ON \(plan.facts.sql)")
        }
        finder = RecordFinder(plan: plan, session: session)
        let hasStandIns = plan.columns.contains {
            $0.column.isNotNull && !$0.column.isGenerated && ($0.column.hasDefault || $0.column.isIdentity)
        }
        plainInsert =
            hasStandIns ? nil : plan.columns.indices.filter { !plan.columns[$0].column.isGenerated }
        outcomes = Array(repeating: nil, count: writes.count)
        isMade = Array(repeating: false, count: writes.count)
    }

    func run() throws -> [WriteOutcome] {
        if let condition = plan.view.filter {
            repeat {
                try session.run("SAVEPOINT dovetail_condition")
                try attempt()
            } while try takesBack(leaving: condition)
        } else {
            try attempt()
        }
        try SequenceUpkeep(plan, session).move(past: inserted)
        return outcomes.map { $0 ?? .overtaken }
    }

    private func attempt() throws {
        var left = try DirectWrites(self)?.make() ?? open
        // Two writes about one record come one after the other.
        while !left.isEmpty { left = try round(left) }
        try readAgain()
    }

    /// The writes of which it is not known what becomes of them.
    var open: [Int] { writes.indices.filter { outcomes[$0] == nil } }

    /// Whether nothing that runs by itself can have changed the records after they were given back, and all of them are
    /// known to take part.
    var isProven: Bool { !traits.changesAfterwards && !traits.hasRules && meetsCondition }

    /// Whether all records that were written meet the condition of the view.
    private var meetsCondition = true

    /// Takes the batch back when records don't meet the condition of the view as they were written. It is then to be made
    /// again, without these.
    private func takesBack(leaving condition: String) throws -> Bool {
        let written = writes.indices.compactMap { index -> (index: Int, key: RecordKey)? in
            guard isMade[index], case .applied(let record?)? = outcomes[index] else { return nil }
            return (index, record.key)
        }
        let found = try finder.find(Set(written.map(\.key)), locking: false)
        let strays = written.filter { found[$0.key]?.takesPart == false }
        guard !strays.isEmpty else {
            meetsCondition = written.allSatisfy { found[$0.key] != nil && !found.repeated.contains($0.key) }
            try session.run("RELEASE dovetail_condition")
            return false
        }
        try session.run("ROLLBACK TO dovetail_condition; RELEASE dovetail_condition")
        refused.formUnion(strays.map(\.index))
        for index in writes.indices {
            outcomes[index] = refused.contains(index) ? .rejected(.leaves(condition)) : nil
            isMade[index] = false
        }
        return true
    }

    /// The records that were inserted, as they are now.
    private var inserted: some Sequence<Record> {
        writes.indices.lazy.compactMap { index in
            guard case .insert = self.writes[index].write, self.isMade[index],
                case .applied(let record)? = self.outcomes[index]
            else { return nil }
            return record
        }
    }

    /// Makes all writes of one round. Gives back those that have to wait for the next.
    private func round(_ indices: [Int]) throws -> [Int] {
        var keys: [(own: RecordKey?, moved: RecordKey?)] = []
        var all: Set<RecordKey> = []
        all.reserveCapacity(indices.count)
        for index in indices {
            let write = writes[index]
            // Where the store gives the id, an insert has none yet.
            let isNew = if case .insert = write.write { plan.view.schema.identity == .content } else { false }
            let mine = (own: isNew ? nil : write.key, moved: try write.movedKey(plan.view.keyFields))
            if let key = mine.own { all.insert(key) }
            if let key = mine.moved { all.insert(key) }
            keys.append(mine)
        }
        let mayLock = plan.facts.mayUpdate || plan.facts.columns.contains(where: \.mayUpdate)
        let found = try finder.find(all, locking: mayLock)
        var claimed: Set<RecordKey> = []
        claimed.reserveCapacity(all.count)
        var later: [Int] = []
        var rows: [WriteStage.Row] = []
        for (index, mine) in zip(indices, keys) {
            if let key = mine.own, claimed.contains(key) || mine.moved.map(claimed.contains) == true {
                later.append(index)
                continue
            }
            if let key = mine.own { claimed.insert(key) }
            if let key = mine.moved { claimed.insert(key) }
            outcomes[index] = writes[index].outcome(on: target(mine.own, in: found)) {
                mine.moved.flatMap { found[$0] }.flatMap { $0.takesPart ? $0.record : nil }
            }
            guard outcomes[index] == nil else { continue }
            if let row = try stageRow(index, mine.own.flatMap { found[$0] }) { rows.append(row) }
        }
        try checkRights(rows)
        try make(rows)
        return later
    }

    private func make(_ rows: [WriteStage.Row]) throws {
        let refused = try stage.fill(rows)
        for (number, rejection) in refused { reject(number, rejection) }
        let numbers = stage.rows.indices.filter { refused[$0] == nil }
        if !numbers.isEmpty {
            // Defaults and triggers are the user's, and mean the user's day and way to write it.
            try session.run(SessionSettings.users)
            try PendingWrites(self).make(stage.sets(numbers))
            try session.execute(SessionSettings.sql(locally: true))
        }
        try stage.clear()
    }

    // MARK: What is to be done

    private func target(_ key: RecordKey?, in found: FoundRows) -> WriteTarget {
        guard let key, let row = found[key] else { return .nothing }
        if found.repeated.contains(key) { return .several }
        return row.takesPart ? .record(row.record) : .outside(condition: plan.view.filter ?? "")
    }

    /// A write as a row of the temporary table; nil when there is nothing to write after all.
    private func stageRow(_ index: Int, _ row: FoundRow?) throws -> WriteStage.Row? {
        let write = writes[index]
        let form: WriteStage.Form
        switch (write.write, row) {
        case (.insert(let record), nil): form = try insertForm(record, write.key)
        case (.delete, .some): form = .delete
        case (.update(_, let fields), .some(let row)):
            if let lastUpdate, lastUpdate.fields == fields {
                form = lastUpdate.form
                break
            }
            let writable = fields.filter { !plan.columns[$0].column.isGenerated }.sorted()
            guard !writable.isEmpty else {
                outcomes[index] = .applied(row.record)
                return nil
            }
            form = .update(writable)
            lastUpdate = (fields, form)
        case (.insert, .some):
            // As it was expected, and to be another one: an insert over a record is an update of all of it.
            form = .update(plan.columns.indices.filter { !plan.columns[$0].column.isGenerated })
        case (_, nil): return nil
        }
        return WriteStage.Row(
            write: index, form: form, address: row?.address, record: write.write.result, key: write.key)
    }

    private func insertForm(_ record: PackedRecord, _ key: RecordKey?) throws -> WriteStage.Form {
        let withID = plan.view.schema.identity == .id && key != nil && plan.keyFields == [nil]
        return .insert(try insertedFields(record), withID: withID)
    }

    /// The fields that an insert names.
    private func insertedFields(_ record: PackedRecord) throws -> [Int] {
        if let plainInsert { return plainInsert }
        let slices = try record.slices()
        var fields: [Int] = []
        for (field, plan) in plan.columns.enumerated() where !plan.column.isGenerated {
            // The database fills what it has a default for and can't be null.
            let isNull = field < slices.count && slices[field].elementsEqual(Self.null)
            if isNull, plan.column.isNotNull, plan.column.hasDefault || plan.column.isIdentity { continue }
            fields.append(field)
        }
        return fields
    }

    /// Inserts that one `COPY` can make.
    struct DirectInsert: Hashable {
        let fields: [Int]
        /// With the id from the key, where it is no field.
        let withID: Bool
    }

    func directInsert(_ record: PackedRecord) throws -> DirectInsert {
        DirectInsert(
            fields: try insertedFields(record),
            withID: plan.view.schema.identity == .id && plan.keyFields == [nil])
    }

    /// Notes a write that was made without looking first.
    func note(_ record: Record?, of index: Int) {
        outcomes[index] = .applied(record)
        isMade[index] = true
    }

    /// All fields that an insert may name, where no default stands in for a null.
    private let plainInsert: [Int]?

    private static let null = PackedRecord(CollectionOfOne(Value.null)).bytes

    // MARK: Rights

    /// Asked before, because the server's refusal of a whole statement would be taken for one of each record.
    private func checkRights(_ rows: [WriteStage.Row]) throws {
        var last: WriteStage.Form?
        for row in rows where row.form != last {
            last = row.form
            switch row.form {
            case .delete:
                guard plan.facts.mayDelete else { throw lacking("delete records of", "DELETE") }
            case .update(let fields):
                for field in fields where !plan.facts.mayUpdate && !plan.columns[field].column.mayUpdate {
                    throw lacking("update column \(plan.columns[field].column.name) of", "UPDATE")
                }
            case .insert(let fields, _):
                for field in fields where !plan.facts.mayInsert && !plan.columns[field].column.mayInsert {
                    throw lacking("insert into column \(plan.columns[field].column.name) of", "INSERT")
                }
                if fields.isEmpty, !plan.facts.mayInsert { throw lacking("insert into", "INSERT") }
            }
        }
    }

    private func lacking(_ what: String, _ right: String) -> ReplicaError {
        plan.place.error(
            .forbidden,
            "this role may not \(what) \(plan.facts.name); its owner can GRANT \(right) ON \(plan.facts.sql)")
    }
}

extension ApplyWrites {
    /// Notes what a statement did. What it was asked to do and did not do is noted too.
    func note(_ done: [WriteStage.Done], of set: WriteSet) throws {
        for one in done {
            let index = stage.rows[one.number].write
            outcomes[index] = .applied(one.record)
            isMade[index] = true
        }
        guard done.count < set.numbers.count else { return }
        let made = Set(done.map(\.number))
        let missing = set.numbers.filter { !made.contains($0) }
        let unmoved = try stage.unmoved(missing)
        for number in missing {
            if unmoved.contains(number) {
                reject(number, .init(reason: "a trigger of \(plan.facts.name) set the write aside"))
            } else {
                // A write before it in this transaction has reached this record too.
                outcomes[stage.rows[number].write] = .overtaken
            }
        }
    }

    func reject(_ number: Int, _ rejection: WriteOutcome.Rejection) {
        outcomes[stage.rows[number].write] = .rejected(rejection)
    }

    func isRejected(_ number: Int) -> Bool {
        if case .rejected? = outcomes[stage.rows[number].write] { true } else { false }
    }

    /// Takes back what was noted about writes that were rolled back.
    func forget(_ numbers: [Int]) {
        for number in numbers {
            isMade[stage.rows[number].write] = false
            outcomes[stage.rows[number].write] = nil
        }
    }

    /// Reads the records again where more than the statement itself may have changed them since it gave them back.
    private func readAgain() throws {
        // What travels as text was given back in the user's way to write it.
        let isInDoubt = traits.changesAfterwards || plan.columns.contains(where: \.column.form.isTextForm)
        guard isInDoubt else { return }
        let written = writes.indices.compactMap { index -> (index: Int, key: RecordKey)? in
            guard isMade[index], case .applied(let record?)? = outcomes[index] else { return nil }
            return (index, record.key)
        }
        let found = try finder.find(Set(written.map(\.key)), locking: false)
        for (index, key) in written where !found.repeated.contains(key) {
            if let row = found[key] {
                outcomes[index] = .applied(row.record)
            } else {
                outcomes[index] = .rejected(
                    .init(
                        reason:
                            "the record was gone after the write; look at the triggers of \(plan.facts.name)")
                )
            }
        }
    }
}
