/// What is to be done to one record of one side.
public enum Write: Sendable, Hashable {
    case insert(PackedRecord)
    /// The whole record as it shall be, and the positions of the fields that change.
    case update(PackedRecord, fields: [Int])
    case delete

    /// The record after the write; nil after a delete.
    public var result: PackedRecord? {
        switch self {
        case .insert(let record), .update(let record, _): record
        case .delete: nil
        }
    }

    /// The word for it in output.
    public var verb: String {
        switch self {
        case .insert: "insert"
        case .update: "update"
        case .delete: "delete"
        }
    }
}

/// A rule or a person decided between two values; the loser stays in the history of the run.
public struct Decided: Sendable, Hashable {
    public enum Authority: String, Sendable, Hashable, Codable {
        case policy, direction, person
    }

    /// The field, or nil when the whole record was at stake.
    public var field: String?
    /// The side whose value stands; nil when the values were merged or a person gave a new one.
    public var winner: Side?
    public var by: Authority

    public init(field: String?, winner: Side?, by: Authority) {
        self.field = field
        self.winner = winner
        self.by = by
    }

    var mirrored: Decided { Decided(field: field, winner: winner?.other, by: by) }
}

/// Why a difference is left standing on purpose.
public enum KeepReason: RawRepresentable, Sendable, Hashable, Codable {
    /// The table's deletes are kept from travelling.
    case deletesAreKept
    /// The job is one-way and the record exists only on the side that follows.
    case onlyOnFollower
    /// A rule leaves the record alone.
    case ignored(by: String)
    /// A rule does not allow the write.
    case forbidden(by: String)
    /// A rule wants the write to be seen, and not to be done.
    case protected(by: String)

    /// What plans and saved plans say.
    public var rawValue: String {
        switch self {
        case .deletesAreKept: "deletes are kept"
        case .onlyOnFollower: "only on the following side"
        case .ignored(let rule): "ignored by the rule: \(rule)"
        case .forbidden(let rule): "forbidden by the rule: \(rule)"
        case .protected(let rule): "protected by the rule: \(rule)"
        }
    }

    public init?(rawValue: String) {
        let ruled: [(String) -> KeepReason] = [
            KeepReason.ignored(by:), KeepReason.forbidden(by:), KeepReason.protected(by:),
        ]
        if let reason = [KeepReason.deletesAreKept, .onlyOnFollower].first(where: { $0.rawValue == rawValue })
        {
            self = reason
        } else if let make = ruled.first(where: { rawValue.hasPrefix($0("").rawValue) }) {
            self = make(String(rawValue.dropFirst(make("").rawValue.count)))
        } else {
            return nil
        }
    }
}

/// Why a record takes no part in the run.
public enum Refusal: Sendable, Hashable {
    /// Several records of one side carry the key, so none of them is identified.
    case duplicateKey(Side)
    /// A field of the key is null.
    case nullKey(Side)
    /// A text field holds bytes that are no UTF-8.
    case invalidText(Side, field: String)
    /// The side refused the same write before, and nothing has changed since.
    case rejectedBefore(Side, reason: String)
    /// The record it refers to was not written.
    case heldBack(parent: String)
    /// The record changed after the plan, or the run to undo, was made.
    case changedSince(Side)

    /// The reason in words for a person.
    public func reason(labels: Sides<String>) -> String {
        switch self {
        case .duplicateKey(let side):
            "several records on \(labels[side]) have this key; make it unique or match by other fields"
        case .nullKey(let side): "a key field is null on \(labels[side]); fill it or match by other fields"
        case .invalidText(let side, let field):
            "\(field) holds bytes on \(labels[side]) that are not valid UTF-8 text; correct it there"
        case .rejectedBefore(let side, let reason):
            "\(labels[side]) refused it before (\(reason)), and nothing has changed since"
        case .heldBack(let parent): "it waits for \(parent), which could not be written"
        case .changedSince(let side): "it changed on \(labels[side]) since then"
        }
    }

    public var mirrored: Refusal {
        switch self {
        case .duplicateKey(let side): .duplicateKey(side.other)
        case .nullKey(let side): .nullKey(side.other)
        case .invalidText(let side, let field): .invalidText(side.other, field: field)
        case .rejectedBefore(let side, let reason): .rejectedBefore(side.other, reason: reason)
        case .heldBack: self
        case .changedSince(let side): .changedSince(side.other)
        }
    }
}

/// What the reconciler says about one key.
public enum Decision: Sendable, Hashable {
    /// Both sides are as the base says.
    case unchanged
    /// Both sides agree already, and only the base has to learn it.
    case agree
    /// Writes on one or both sides, after which they agree.
    case write(Sides<Write?>, decided: [Decided])
    case conflict(Conflict)
    case keep(KeepReason)
    case refuse(Refusal)

    /// The same decision with left and right exchanged.
    public var mirrored: Decision {
        switch self {
        case .unchanged, .agree, .keep: self
        case .write(let writes, let decided):
            .write(Sides(left: writes.right, right: writes.left), decided: decided.map(\.mirrored))
        case .conflict(let conflict): .conflict(conflict.mirrored)
        case .refuse(let refusal): .refuse(refusal.mirrored)
        }
    }
}
