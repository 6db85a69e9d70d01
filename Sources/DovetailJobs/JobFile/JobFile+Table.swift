extension JobFile {
    /// One table of a job: its names, how its records are matched, and its own rules.
    public struct Table: Sendable, Equatable {
        /// The name in output.
        public var name: String
        /// The table's name on the left; ``name`` unless given.
        public var left: String
        /// The table's name on the right; ``name`` unless given.
        public var right: String
        /// How records are matched; nil means by the primary key that both sides share.
        public var match: Match?
        /// The fields that one side assigns on insert.
        public var assigned: Assigned?
        /// Which fields take part, and under which names.
        public var fields = Fields.shared
        /// The fields that take no part.
        public var ignore: [String] = []
        /// Which records take part on each side.
        public var filter = Filter()
        /// The policies of this table.
        public var conflicts = Conflicts()
        /// What a delete does; nil means as the job says.
        public var deletes: DeleteRule?
        /// The fields that hold the key of a record in another table.
        public var references: [Reference] = []
        /// Whether changes are captured; nil means as the replica or the job says.
        public var changeFeed: Bool?

        /// Makes a table with the same name on both sides unless others are given.
        public init(name: String, left: String? = nil, right: String? = nil) {
            self.name = name
            self.left = left ?? name
            self.right = right ?? name
        }

        /// The table's name on a side.
        public func name(on side: Side) -> String {
            switch side {
            case .left: left
            case .right: right
            }
        }
    }

    /// How records of a table are matched.
    public enum Match: Sendable, Equatable {
        /// By the fields that are the key on both sides.
        case fields([String])
        /// By the stores' own record id.
        case id
        /// By equal content at first meeting, by remembered links afterwards.
        case content
    }

    /// `assigned: {by: right, fields: [objekt_id]}`
    public struct Assigned: Sendable, Equatable {
        /// The side that assigns.
        public var by: Side
        /// The fields that it assigns.
        public var fields: [String]

        /// Makes an assignment.
        public init(by side: Side, fields: [String]) {
            self.by = side
            self.fields = fields
        }
    }

    /// `where:` in each side's own language; nil means every record.
    public struct Filter: Sendable, Equatable {
        /// The condition on the left.
        public var left: String?
        /// The condition on the right.
        public var right: String?

        /// Makes a filter.
        public init(left: String? = nil, right: String? = nil) {
            self.left = left
            self.right = right
        }
    }

    /// `references: {site: sites.id}`
    public struct Reference: Sendable, Equatable {
        /// The field that refers.
        public var field: String
        /// The job's name of the table that is referred to.
        public var table: String
        /// The field there.
        public var tableField: String

        /// Makes a reference.
        public init(field: String, table: String, tableField: String) {
            self.field = field
            self.table = table
            self.tableField = tableField
        }
    }

    /// Which fields of a table take part.
    public enum Fields: Sendable, Equatable {
        /// Not said: the fields that both sides have, by name.
        case shared
        /// A list: these fields and no others, by name.
        case only([String])
        /// A map: the shared fields, and what is said about these.
        case mapped([Field])

        /// What is said about the field of this name.
        public func named(_ name: String) -> Field? {
            guard case .mapped(let fields) = self else { return nil }
            return fields.first { $0.name == name }
        }
    }

    /// What a job file says about one field.
    public struct Field: Sendable, Equatable {
        /// The name in output and in the rest of the job file.
        public var name: String
        /// The name on the left; nil when the field is on the right only.
        public var left: String?
        /// The name on the right; nil when the field is on the left only.
        public var right: String?
        /// The declared conversion between the sides.
        public var convert: Conversion?
        /// How far apart two numbers or coordinates may be and still be equal.
        public var tolerance: Double?
        /// Whether the order of a list inside the value counts for nothing.
        public var unordered = false
        /// How text is compared; nil means it was not said.
        public var unicode: Unicode?
        /// The policy for this field.
        public var conflicts: Policy?

        /// Makes a field with the same name on both sides unless others are given.
        public init(name: String, left: String? = nil, right: String? = nil, only: Side? = nil) {
            self.name = name
            self.left = only == .right ? nil : left ?? name
            self.right = only == .left ? nil : right ?? name
        }

        /// The one side that has this field, nil when both do.
        public var only: Side? {
            if right == nil { return .left }
            return left == nil ? .right : nil
        }
    }

    /// A declared conversion that round-trips.
    public enum Conversion: String, Sendable, CaseIterable {
        /// A store without booleans keeps 0 and 1.
        case bool
        /// A store without the type keeps its text.
        case text
        /// A layer of multi geometries keeps a single one as a multi of one.
        case multi
    }

    /// How text is compared.
    public enum Unicode: String, Sendable, CaseIterable {
        /// By its composed form, so that two ways of writing é are equal.
        case nfc
        /// Byte by byte.
        case exact
    }
}
