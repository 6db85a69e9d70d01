public import Dovetail

/// What a replica found under the key of a write.
public enum WriteTarget: Sendable, Hashable {
    case nothing
    case record(Record)
    /// A record that does not meet the condition of the view, which is this.
    case outside(condition: String)
    case several
}

extension ReplicaWrite {
    /// What becomes of this write where it is not to be carried out; nil: what it expects is what was found.
    ///
    /// - Parameters:
    ///   - target: what was found under ``key``. Where the store gives ids, nothing for an insert.
    ///   - moved: gives the record that takes part under the key to which an update moves this one. Asked only where the
    ///     record is not found under its own: it may have moved already.
    public func outcome(
        on target: WriteTarget, moved: () throws -> Record? = { nil }
    ) rethrows -> WriteOutcome? {
        switch target {
        case .several: return .rejected(.init(reason: "several records have this key"))
        case .nothing:
            switch write {
            case .delete: return .already(nil)
            case .insert: return expected == nil ? nil : .overtaken
            case .update:
                guard let record = try moved(), record.fields == write.result else { return .overtaken }
                return .already(record)
            }
        case .outside(let condition):
            switch write {
            case .delete: return .already(nil)
            case .update: return .overtaken
            case .insert:
                return .rejected(
                    .init(
                        reason: "a record with this key is there but does not meet the condition of the job:"
                            + " \(condition)"))
            }
        case .record(let record):
            if record.fields == write.result { return .already(record) }
            return record.fields == expected ? nil : .overtaken
        }
    }

    /// The key that the record has after an update, when that changes it.
    ///
    /// - Parameter keyFields: where the key's fields stand in the schema; none where the store gives ids.
    /// - Throws: when the record is damaged.
    public func movedKey(_ keyFields: [Int]) throws -> RecordKey? {
        guard case .update(let record, let fields) = write, keyFields.contains(where: fields.contains) else {
            return nil
        }
        return RecordKey(try keyFields.map { try record.value(at: $0) })
    }
}

extension WriteOutcome.Rejection {
    /// The reason for refusing a write that would take its record out of the condition of the view.
    ///
    /// Invariant: no write of ours does that. The record would look as if somebody had deleted it on this side, and the
    /// delete might be carried over.
    public static func leaves(_ condition: String) -> WriteOutcome.Rejection {
        WriteOutcome.Rejection(
            reason: "so written, the record does not meet the condition of the job: \(condition)")
    }
}
