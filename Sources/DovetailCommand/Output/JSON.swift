import Dovetail
import DovetailEngine
import Foundation

/// Writes the documented JSON.
enum JSON {
    static func text(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            return #"{"error":{"code":"failed","message":"a value has no JSON form"}}"#
        }
        return String(decoding: data, as: UTF8.self)
    }
}

/// `{"error":{"code":…,"message":…}}`
struct ErrorJSON: Encodable {
    struct Body: Encodable {
        var code: String
        var message: String
        var halts: [HaltJSON]?
    }
    var error: Body
}

/// A limit that stops a run.
struct HaltJSON: Encodable {
    var code: String
    var table: String?
    var side: Side?
    var message: String
    /// What `--allow` takes to lift it; absent when only mending helps.
    var allow: String?

    init(_ halt: Halt, labels: Sides<String>) {
        message = halt.message(labels: labels)
        allow = halt.allowance?.rawValue
        switch halt {
        case .tooManyDeletes(let table, let side, _, _, _):
            (code, self.table, self.side) = ("deletes", table, side)
        case .tooManyChanges: code = "changes"
        case .sideEmptied(let table, let side, _): (code, self.table, self.side) = ("empty", table, side)
        case .tableVanished(let table, let side):
            (code, self.table, self.side) = ("table-vanished", table, side)
        case .replicaVanished(let side, _): (code, self.side) = ("replica-vanished", side)
        case .replaced(let side, _): (code, self.side) = ("replaced", side)
        case .mappingChanged(let table, _): (code, self.table) = ("mapping", table)
        }
    }
}

/// One value from what to what.
struct ChangeJSON: Encodable {
    var field: String
    var old: Value?
    var new: Value?
}

/// A conflict as `conflicts`, `sync` and `apply` show it.
struct ConflictJSON: Encodable {
    struct FieldJSON: Encodable {
        var field: String
        var base: Value?
        var left: Value
        var right: Value
        var cause: FieldConflict.Cause
    }
    var id: String
    var table: String
    var key: [Value]
    /// `fields`, `deleted-changed` or `delete-asks`.
    var kind: String
    /// The side that deleted the record.
    var deleted: Side?
    var reason: String
    var fields: [FieldJSON]
    /// The run that found it.
    var since: Int64
    /// What a person decided, waiting for the next sync.
    var decided: DecisionJSON?

    init(_ record: ConflictRecord, labels: Sides<String>) {
        id = record.id.text
        table = record.table
        key = (try? record.key.values()) ?? []
        reason = record.conflict.reason(labels: labels)
        since = record.since
        fields = []
        switch record.conflict {
        case .fields(let conflicts):
            kind = "fields"
            fields = conflicts.map {
                FieldJSON(field: $0.field, base: $0.base, left: $0.left, right: $0.right, cause: $0.cause)
            }
        case .deletedAgainstChanged(let side): (kind, deleted) = ("deleted-changed", side)
        case .deleteAsks(let side): (kind, deleted) = ("delete-asks", side)
        }
        decided = record.resolution.map { DecisionJSON($0.choice) }
    }
}

/// A person's decision.
struct DecisionJSON: Encodable {
    struct FieldJSON: Encodable {
        var take: Side?
        var value: Value?
    }
    var take: Side?
    var fields: [String: FieldJSON]?

    init(_ choice: Resolution.Choice) {
        switch choice {
        case .side(let side): take = side
        case .fields(let choices):
            fields = choices.mapValues { choice in
                switch choice {
                case .side(let side): FieldJSON(take: side)
                case .value(let value): FieldJSON(value: value)
                }
            }
        }
    }
}

/// A record that a side refused.
struct RejectedJSON: Encodable {
    var id: String
    var table: String
    var key: [Value]
    var side: Side
    var reason: String
    var since: Int64

    init(_ record: RejectionRecord) {
        id = ConflictRecord.ID(table: record.table, key: record.key).text
        table = record.table
        key = (try? record.key.values()) ?? []
        side = record.rejection.side
        reason = record.rejection.reason
        since = record.since
    }
}
