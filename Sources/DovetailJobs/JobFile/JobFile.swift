public import Dovetail

/// What a job file says: two replicas, the tables to keep in agreement, and the rules.
///
/// This is the YAML as values and nothing more: no source is opened, no table looked up. What a file leaves
/// out is nil here or has the default written beside it.
///
/// ```swift
/// let job = try JobFile.load(path: "jobs/benches.yaml")
/// for table in job.tables.listed { print(table.name, table.left, table.right) }
/// ```
///
/// ## Topics
/// - ``load(path:environment:)``
/// - ``parse(yaml:path:environment:)``
/// - ``template(_:)``
public struct JobFile: Sendable, Equatable {
    /// The job's name; without `job:` the base name of the file. Letters, digits and `-_.` only.
    public var job: String
    /// The absolute path of the folder that the file is in; relative paths start here.
    public var folder: String
    /// The replica that output calls left unless it has a label.
    public var left: Replica
    /// The replica that output calls right unless it has a label.
    public var right: Replica
    /// Which replicas are written to.
    public var direction = Direction.both
    /// What is kept in agreement.
    public var tables: Tables
    /// The policy for conflicts where a table or a field has none.
    public var conflicts = Policy.ask
    /// What a delete on one side does where a table says nothing.
    public var deletes = DeleteRule.propagate
    /// When a run stops before its first write.
    public var limits = Limits()
    /// What is kept of past runs.
    public var history = History()
    /// Where Dovetail's memory is; nil means `.dovetail/` beside the file.
    public var state: StateLocation?
    /// Whether changes are captured on the replicas, where a replica or a table says nothing.
    public var changeFeed = false
    /// How many seconds a run waits for another run of this job; nil means it was not said.
    public var lockWait: Double?
    /// How many seconds a busy store is waited for.
    public var busyTimeout = 5.0
    /// Where in the file each key stands, for messages about what the file says.
    public var places = Places()

    /// Makes a job of its required parts; the rest has its default.
    public init(job: String, folder: String, left: Replica, right: Replica, tables: Tables) {
        self.job = job
        self.folder = folder
        self.left = left
        self.right = right
        self.tables = tables
    }
}

extension JobFile {
    /// One of the two replicas.
    public enum Side: String, Sendable, CaseIterable {
        case left, right
    }

    /// Which way changes go.
    public enum Direction: String, Sendable, CaseIterable {
        case both
        case leftToRight = "left-to-right"
        case rightToLeft = "right-to-left"
    }

    /// One side of the job.
    public struct Replica: Sendable, Equatable {
        /// How output calls this side.
        public var label: String
        /// Where its data is.
        public var source: SourceReference
        /// Whether changes are captured on this side; nil means as the job says.
        public var changeFeed: Bool?
        /// The declared types of a flat file's columns; the others are found by looking.
        public var types: [String: FieldType]
        /// The declared delimiter of a CSV file; nil: the first lines tell it.
        public var delimiter: Character?

        /// Makes a replica.
        public init(
            label: String, source: SourceReference, changeFeed: Bool? = nil, types: [String: FieldType] = [:],
            delimiter: Character? = nil
        ) {
            self.label = label
            self.source = source
            self.changeFeed = changeFeed
            self.types = types
            self.delimiter = delimiter
        }
    }

    /// The tables of a job.
    public enum Tables: Sendable, Equatable {
        /// `tables: all`: every table that both replicas have under the same name.
        case all
        /// The tables named, in the order of the file.
        case listed([Table])

        /// The tables named; none for `all`.
        public var listed: [Table] {
            switch self {
            case .all: []
            case .listed(let tables): tables
            }
        }
    }

    /// Where Dovetail's memory of a job is.
    public enum StateLocation: Sendable, Equatable, CustomStringConvertible {
        /// The absolute path of a folder or file.
        case path(String)
        /// A database server.
        case server(SourceReference)

        /// The path, or the address with its password masked.
        public var description: String {
            switch self {
            case .path(let path): path
            case .server(let source): source.description
            }
        }
    }

    /// The replica on a side.
    public func replica(_ side: Side) -> Replica {
        switch side {
        case .left: left
        case .right: right
        }
    }

    /// Whether changes to a table are captured on a side: the table's word, else the replica's, else the
    /// job's.
    public func changeFeed(of table: Table? = nil, on side: Side) -> Bool {
        table?.changeFeed ?? replica(side).changeFeed ?? changeFeed
    }

    /// What a delete in a table does: the table's word, else the job's.
    public func deletes(of table: Table) -> DeleteRule {
        table.deletes ?? deletes
    }

    /// The policy for a field: the field's, else the table's, else the job's.
    public func policy(for field: String, of table: Table) -> Policy {
        table.fields.named(field)?.conflicts ?? table.conflicts.fields[field] ?? table.conflicts.default
            ?? conflicts
    }
}

extension JobFile {
    /// A place in the file.
    public struct Position: Sendable, Equatable {
        /// The line, counted from 1.
        public let line: Int
        /// The column in Unicode scalars, counted from 1.
        public let column: Int
    }

    /// Where each key of a job file stands. Two jobs that say the same are equal wherever they say it.
    public struct Places: Sendable, Equatable {
        /// The job file as the user called it.
        public var file = ""
        var positions: [String: Position] = [:]

        /// The place of a key path such as `tables.benches.match`, or of the nearest part of it that is
        /// there.
        public subscript(keyPath: String) -> Position? {
            var path = keyPath[...]
            while !path.isEmpty {
                if let position = positions[String(path)] { return position }
                path = path[..<(path.lastIndex(where: { $0 == "." || $0 == "[" }) ?? path.startIndex)]
            }
            return positions[""]
        }

        /// Places are not part of what a job means.
        public static func == (left: Places, right: Places) -> Bool { true }
    }

    /// The key path of some keys, as messages show it: `keyPath("tables", "a.b")` is `tables."a.b"`.
    public static func keyPath(_ keys: String...) -> String {
        keys.reduce(NodePath()) { $0.key($1) }.text
    }

    /// A problem found later, when what the file says met the data, in the same form as a parse error.
    public func problem(at keyPath: String, _ message: String, hint: String? = nil) -> JobFileError.Problem {
        let position = places[keyPath]
        return JobFileError.Problem(
            file: places.file, line: position?.line, column: position?.column, keyPath: keyPath,
            message: message, hint: hint)
    }
}
