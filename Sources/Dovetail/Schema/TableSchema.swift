/// One field of a table as both sides share it.
public struct Field: Sendable, Hashable {
    /// The name in output, plans and history.
    public var name: String
    public var type: FieldType
    public var options: FieldOptions

    public init(_ name: String, _ type: FieldType, options: FieldOptions = FieldOptions()) {
        self.name = name
        self.type = type
        self.options = options
    }
}

/// A field that names a record of another table, or of its own.
public struct Reference: Sendable, Hashable {
    /// The fields of this table.
    public var fields: [String]
    /// The table they refer to, by its name in the job.
    public var table: String
    /// The fields there that they name.
    public var targetFields: [String]

    public init(fields: [String], table: String, targetFields: [String]) {
        self.fields = fields
        self.table = table
        self.targetFields = targetFields
    }
}

/// How records of the two sides find each other.
public enum Identity: Sendable, Hashable {
    /// By the values of these fields, which both sides hold.
    case match([String])
    /// By the id that both stores use for their rows.
    case id
    /// By equal content at first meeting, and by remembered links afterwards.
    case content
}

/// The schema of one table: what a packed record holds, in which order.
public struct TableSchema: Sendable, Hashable {
    public var name: String
    public var fields: [Field]
    public var identity: Identity
    public var references: [Reference]

    public init(_ name: String, fields: [Field], identity: Identity, references: [Reference] = []) {
        self.name = name
        self.fields = fields
        self.identity = identity
        self.references = references
    }

    /// Position of a field in packed records.
    public func index(of field: String) -> Int? {
        fields.firstIndex { $0.name == field }
    }

    /// Whether any field compares by something else than its bytes.
    public var hasLenientFields: Bool { fields.contains { !$0.options.isExact } }

    /// Text that changes whenever the meaning of packed records changes: kept with the base, so that a changed
    /// mapping is noticed before records are compared under two layouts.
    public var fingerprint: String {
        let fields = fields.map { "\($0.name):\($0.type.name)" }.joined(separator: ",")
        return "\(identity.words)|\(fields)"
    }
}

extension Identity {
    /// How output speaks of it.
    public var words: String {
        switch self {
        case .match(let fields): "match \(fields.joined(separator: ", "))"
        case .id: "id"
        case .content: "content"
        }
    }
}
