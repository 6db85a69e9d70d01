import Dovetail
import DovetailEngine
import Foundation

/// A value as plans spell it, or plainly where the type of its column says the rest: `1.5`, `"2026-03-01"`.
struct WireValue: Codable, Sendable {
    private enum Form: Sendable {
        case exact(Value)
        case number(Double)
    }

    private let form: Form

    init(_ value: Value) { form = .exact(value) }

    init(from decoder: any Decoder) throws {
        do {
            form = .exact(try Value(from: decoder))
        } catch {
            // A number with a fraction, which is no plan's spelling.
            guard let number = try? decoder.singleValueContainer().decode(Double.self) else { throw error }
            form = .number(number)
        }
    }

    func encode(to encoder: any Encoder) throws {
        switch form {
        case .exact(let value): try value.encode(to: encoder)
        case .number(let number): try number.encode(to: encoder)
        }
    }

    /// The value in canonical form. What is none of the type stays what it is: the other side refuses it.
    func value(_ type: FieldType) -> Value {
        switch form {
        case .number(let number): .double(number)
        case .exact(let value): Self.fitted(value, to: type)
        }
    }

    private static func fitted(_ value: Value, to type: FieldType) -> Value {
        switch (value, type) {
        case (.int(let number), .double): return Double(exactly: number).map { .double($0) } ?? value
        case (.int(let number), .decimal): return .decimal(ExactDecimal(number))
        case (.text(let text), _):
            // Truth and numbers have a spelling of their own in JSON.
            guard ![.bool, .int, .double].contains(type) else { return value }
            return Array(text.utf8).withUnsafeBytes { TextForm(type).value($0) } ?? value
        case (.json(let text), _):
            return (try? CanonicalJSON.canonical(text)).map { .json($0) } ?? value
        case (.geometry(let geometry), _):
            let parsed = geometry.wkb.withUnsafeBytes { try? Geometry(srid: geometry.srid, parsing: $0) }
            return parsed.map { .geometry($0) } ?? value
        case (.list(let values), .list(let element)): return .list(values.map { fitted($0, to: element) })
        default: return value
        }
    }
}

/// A record: its values in the order of the view's columns, or those with what identifies it.
struct WireRecord: Codable, Sendable {
    private struct Full: Codable {
        var key: [Value]?
        var at: Data?
        var values: [WireValue]
    }

    private let full: Full

    init(_ record: Record, _ view: TableView) throws {
        full = Full(
            key: view.keyFields.isEmpty ? try record.key.values() : nil,
            at: record.locator.isEmpty ? nil : Data(record.locator),
            values: try record.fields.values().map { WireValue($0) })
    }

    init(from decoder: any Decoder) throws {
        if let values = try? [WireValue](from: decoder) {
            full = Full(values: values)
        } else {
            full = try Full(from: decoder)
        }
    }

    func encode(to encoder: any Encoder) throws {
        if full.key == nil, full.at == nil {
            try full.values.encode(to: encoder)
        } else {
            try full.encode(to: encoder)
        }
    }

    /// - Parameter number: a key where the view has none, of a program that gives none: enough for one look.
    /// - Throws: ``WireProblem`` when it has another number of values than the view has columns, or no key.
    func record(_ view: TableView, number: Int? = nil) throws -> Record {
        let fields = view.schema.fields
        guard full.values.count == fields.count else {
            throw WireProblem(
                "gave a record of “\(view.table)” with \(full.values.count) values where \(fields.count) were asked for:"
                    + " \(view.columns.map(\.column).joined(separator: ", "))")
        }
        let values = zip(full.values, fields).map { $0.value($1.type) }
        let key: RecordKey
        if view.keyFields.isEmpty {
            guard let own = full.key ?? number.map({ [.int(Int64($0))] }) else {
                throw WireProblem(
                    "gave a record of “\(view.table)” without “key”; where a job matches by id or content, records"
                        + " have one: {\"key\": [1], \"values\": […]}")
            }
            key = RecordKey(own)
        } else {
            key = RecordKey(view.keyFields.map { values[$0] })
        }
        return Record(key: key, locator: Array(full.at ?? Data()), fields: PackedRecord(values))
    }
}

/// A record that is asked for.
struct WireReference: Codable, Sendable {
    var key: [Value]
    var at: Data?

    init(_ reference: RecordReference) throws {
        key = try reference.key.values()
        at = reference.locator.isEmpty ? nil : Data(reference.locator)
    }

    var reference: RecordReference {
        RecordReference(key: RecordKey(key), locator: Array(at ?? Data()))
    }
}

/// One write.
struct WireWrite: Codable, Sendable {
    enum Verb: String, Codable { case insert, update, delete }

    /// What is done.
    var write: Verb
    /// Nil where the store gives it.
    var key: [Value]?
    var at: Data?
    /// What the record holds now; nil: there is none.
    var expected: [Value]?
    /// What it is to hold; nil for a delete.
    var values: [Value]?
    /// Of an update: which of the view's columns change, by their places.
    var changed: [Int]?

    init(_ write: ReplicaWrite) throws {
        key = try write.key?.values()
        at = write.locator.isEmpty ? nil : Data(write.locator)
        expected = try write.expected?.values()
        values = try write.write.result?.values()
        switch write.write {
        case .insert: self.write = .insert
        case .update(_, let fields):
            self.write = .update
            changed = fields
        case .delete: self.write = .delete
        }
    }

    /// - Throws: ``WireProblem`` when it lacks what it writes.
    func replicaWrite(_ width: Int) throws -> ReplicaWrite {
        func record() throws -> PackedRecord {
            guard let values, values.count == width else {
                throw WireProblem("asks for a write without a value for each column")
            }
            return PackedRecord(values)
        }
        let done: Write =
            switch write {
            case .insert: .insert(try record())
            case .update:
                .update(try record(), fields: (changed ?? []).filter { (0..<width).contains($0) })
            case .delete: .delete
            }
        return ReplicaWrite(
            key: key.map { RecordKey($0) }, locator: Array(at ?? Data()),
            expected: expected.map { PackedRecord($0) }, write: done)
    }
}

/// What became of a write.
struct WireOutcome: Codable, Sendable {
    enum Verdict: String, Codable { case applied, already, overtaken, rejected }

    var outcome: Verdict
    /// As the store gives it back.
    var record: WireRecord?
    var reason: String?
    var dependsOnOthers: Bool?

    init(_ outcome: WriteOutcome, _ view: TableView) throws {
        switch outcome {
        case .applied(let record):
            self.outcome = .applied
            self.record = try record.map { try WireRecord($0, view) }
        case .already(let record):
            self.outcome = .already
            self.record = try record.map { try WireRecord($0, view) }
        case .overtaken: self.outcome = .overtaken
        case .rejected(let rejection):
            self.outcome = .rejected
            reason = rejection.reason
            dependsOnOthers = rejection.dependsOnOthers
        }
    }

    /// - Throws: ``WireProblem``.
    func outcome(of write: ReplicaWrite, _ view: TableView) throws -> WriteOutcome {
        switch outcome {
        case .applied: .applied(try found(write, view))
        case .already: .already(try found(write, view))
        case .overtaken: .overtaken
        case .rejected:
            .rejected(
                WriteOutcome.Rejection(
                    reason: reason ?? "the program gave no reason",
                    dependsOnOthers: dependsOnOthers ?? false))
        }
    }

    /// The record that was given back; where none was, the one that was sent.
    private func found(_ write: ReplicaWrite, _ view: TableView) throws -> Record? {
        guard let sent = write.write.result else { return nil }
        if let record { return try record.record(view) }
        let key = view.keyFields.isEmpty ? write.key : try RecordKey(view.keyFields.map(sent.value(at:)))
        guard let key else {
            throw WireProblem("did not say which id the new record of “\(view.table)” has")
        }
        return Record(key: key, locator: write.locator, fields: sent)
    }
}
