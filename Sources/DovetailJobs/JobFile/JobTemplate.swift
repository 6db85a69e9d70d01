/// What a new job file shall say; ``JobFile/template(_:)`` writes it.
public struct JobTemplate: Sendable, Equatable {
    /// One side: how output calls it, and its source as a job file writes it (`${NAME}` reads the
    /// environment).
    public struct Replica: Sendable, Equatable {
        /// How output calls this side.
        public var label: String
        /// The source, such as `gpkg:data/vejle.gpkg`.
        public var source: String
        /// The types that a flat file's columns were found to have, as comments.
        public var types: [FoundType]

        /// Makes a side.
        public init(label: String, source: String, types: [FoundType] = []) {
            self.label = label
            self.source = source
            self.types = types
        }
    }

    /// The type of a column, where a look at its values told it.
    public struct FoundType: Sendable, Equatable {
        /// The column.
        public var column: String
        /// The type, as `types:` has it.
        public var type: String
        /// Why it is of this type.
        public var reason: String

        /// Makes a found type.
        public init(column: String, type: String, reason: String) {
            self.column = column
            self.type = type
            self.reason = reason
        }
    }

    /// The job's name; what a name can't hold becomes `-`.
    public var job: String
    /// The left side.
    public var left: Replica
    /// The right side.
    public var right: Replica
    /// The tables, in this order; none writes `tables: all`.
    public var tables: [TableTemplate]

    /// Makes the description of a job file.
    public init(job: String, left: Replica, right: Replica, tables: [TableTemplate]) {
        self.job = job
        self.left = left
        self.right = right
        self.tables = tables
    }
}

/// One table of a ``JobTemplate``.
public struct TableTemplate: Sendable, Equatable {
    /// A field that takes no part, as a comment.
    public struct Skipped: Sendable, Equatable {
        /// The field.
        public var field: String
        /// The side that has it.
        public var side: JobFile.Side
        /// Why it takes no part.
        public var reason: String

        /// Makes a skipped field.
        public init(field: String, side: JobFile.Side, reason: String) {
            self.field = field
            self.side = side
            self.reason = reason
        }
    }

    /// The name in output.
    public var name: String
    /// The table's name on the left.
    public var left: String
    /// The table's name on the right.
    public var right: String
    /// How records are matched.
    public var match: JobFile.Match
    /// Why they are matched so, as a comment.
    public var matchReason: String?
    /// The fields whose names differ, or that are on one side only.
    public var fields: [JobFile.Field]
    /// The fields that both sides have and that take no part.
    public var ignore: [String]
    /// The fields that take no part, as comments.
    public var skipped: [Skipped]
    /// Anything else worth saying, as comments.
    public var notes: [String]

    /// Makes the description of a table.
    public init(
        name: String, left: String? = nil, right: String? = nil, match: JobFile.Match,
        matchReason: String? = nil, fields: [JobFile.Field] = [], ignore: [String] = [],
        skipped: [Skipped] = [],
        notes: [String] = []
    ) {
        self.name = name
        self.left = left ?? name
        self.right = right ?? name
        self.match = match
        self.matchReason = matchReason
        self.fields = fields
        self.ignore = ignore
        self.skipped = skipped
        self.notes = notes
    }
}

extension JobFile {
    /// Writes a commented job file that parses to what the description says.
    public static func template(_ template: JobTemplate) -> String {
        var yaml = """
            # A job of Dovetail: what is kept in agreement, and how.
            #   dovetail check FILE    can it connect, and does everything fit?
            #   dovetail plan FILE     what would a sync do? Writes nothing.
            #   dovetail sync FILE     do it
            job: \(YAMLText.value(jobName(from: template.job)))

            # Relative paths start at this file's folder; ${NAME} reads the environment, for passwords.
            left:
              label: \(YAMLText.value(template.left.label))
              source: \(YAMLText.scalar(template.left.source))
            \(template.left.typesText)right:
              label: \(YAMLText.value(template.right.label))
              source: \(YAMLText.scalar(template.right.source))
            \(template.right.typesText)
            direction: both  # both · left-to-right · right-to-left


            """
        if template.tables.isEmpty {
            yaml += "tables: all  # every table that both sides have under the same name\n"
        } else {
            yaml += "tables:\n"
            for table in template.tables { yaml += table.yaml }
        }
        yaml += """

            # When both sides changed the same value: ask · left · right · merge · {newest: FIELD}
            conflicts: ask
            # What a delete on one side does on the other: propagate · keep · ask
            deletes: propagate
            # A run that would do more than this stops before it writes anything.
            limits: {deletes: 20%, on_empty_side: stop}

            """
        return yaml
    }
}

extension JobTemplate.Replica {
    /// What can be made a declaration by taking the signs of comments away.
    fileprivate var typesText: String {
        guard !types.isEmpty else { return "" }
        var text = YAMLText.comment(
            "Types as the values of the file show them; the first sync remembers them. To declare others:",
            indent: "  ")
        text += "  # types:\n"
        for type in types {
            let entry = "\(YAMLText.scalar(type.column)): \(type.type)"
            text += "  #   \(entry)  # \(YAMLText.line(type.reason))\n"
        }
        return text
    }
}

extension TableTemplate {
    fileprivate var yaml: String {
        var yaml = "  \(YAMLText.scalar(name)):\n"
        for note in notes { yaml += YAMLText.comment(note, indent: "    ") }
        if left != name { yaml += "    left: \(YAMLText.value(left))\n" }
        if right != name { yaml += "    right: \(YAMLText.value(right))\n" }
        if let matchReason { yaml += YAMLText.comment(matchReason, indent: "    ") }
        yaml += "    match: \(matchText)\n"
        if !fields.isEmpty {
            yaml += "    fields:\n"
            for field in fields { yaml += "      \(YAMLText.scalar(field.name)): \(Self.text(of: field))\n" }
        }
        if !ignore.isEmpty { yaml += "    ignore: [\(ignore.map(YAMLText.value).joined(separator: ", "))]\n" }
        if !skipped.isEmpty {
            yaml += YAMLText.comment("Fields that take no part:", indent: "    ")
            for skip in skipped {
                let text = YAMLText.line("\(skip.field) (\(skip.side.rawValue)): \(skip.reason)")
                yaml += YAMLText.comment("- \(text)", indent: "    ")
            }
        }
        return yaml
    }

    private var matchText: String {
        switch match {
        case .fields(let names): "[\(names.map(YAMLText.value).joined(separator: ", "))]"
        case .id: "id"
        case .content: "content"
        }
    }

    private static func text(of field: JobFile.Field) -> String {
        var parts: [String] = []
        if let left = field.left, left != field.name { parts.append("left: \(YAMLText.value(left))") }
        if let right = field.right, right != field.name { parts.append("right: \(YAMLText.value(right))") }
        if let only = field.only { parts.append("only: \(only.rawValue)") }
        if let convert = field.convert { parts.append("convert: \(convert.rawValue)") }
        if let tolerance = field.tolerance { parts.append("tolerance: \(tolerance)") }
        if field.unordered { parts.append("unordered: true") }
        if let unicode = field.unicode { parts.append("unicode: \(unicode.rawValue)") }
        if let conflicts = field.conflicts { parts.append("conflicts: \(text(of: conflicts))") }
        return "{\(parts.joined(separator: ", "))}"
    }

    private static func text(of policy: JobFile.Policy) -> String {
        switch policy {
        case .ask: "ask"
        case .left: "left"
        case .right: "right"
        case .merge: "merge"
        case .newest(let field): "{newest: \(YAMLText.value(field))}"
        }
    }
}
