import Dovetail
import DovetailEngine
import Foundation

/// The protocol of `docs/programs.md`: a request is a line of JSON, and so is its answer.
enum Wire {
    /// The version that both sides say in their first line.
    static let version = 1
    /// The form in which whole batches go between two programs of this package.
    static let packed = RecordBatch.framesFormat
    /// A line that is longer is none: a program that writes something else.
    static let longestLine = 256 << 20

    /// A message as a line.
    static func line(_ message: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return Array(try encoder.encode(message)) + [0x0a]
    }

    static func message<Message: Decodable>(_: Message.Type, _ line: [UInt8]) throws -> Message {
        try JSONDecoder().decode(Message.self, from: Data(line))
    }
}

/// What a replica is asked for.
enum Ask: String, Codable {
    case hello, describe, observe, identity, snapshot, more, read, changes, feedPosition, isEmpty, finish
    case prepare, apply, stamp, acknowledge
}

/// One line to the program. Which fields are there depends on ``ask``.
struct WireRequest: Codable, Sendable {
    var id: Int
    /// Nil where ``cancel`` is there.
    var ask: Ask?
    /// The number of a request whose answer nobody waits for any more. Has no answer of its own.
    var cancel: Int?
    var dovetail: Int?
    /// The form in which whole batches are understood.
    var packed: Int?
    var look: Int?
    var view: WireView?
    var views: [WireView]?
    var job: String?
    /// A place in a feed.
    var cursor: String?
    /// What an answer gave as ``WireAnswer/more``.
    var more: Int?
    var references: [WireReference]?
    var writes: [WireWrite]?
    var mark: ReplicaMark?

    init(_ ask: Ask) {
        id = 0
        self.ask = ask
    }

    init(cancel: Int) {
        id = 0
        self.cancel = cancel
    }
}

/// One line from the program.
struct WireAnswer: Codable, Sendable {
    /// The number of the request.
    var id: Int
    var error: WireError?
    /// Still at work: the answer is to come.
    var busy: Bool?
    var dovetail: Int?
    /// What a program can beside the least.
    var can: [WireAbility]?
    var tables: [WireTable]?
    var look: Int?
    var records: [WireRecord]?
    /// Records as ``RecordBatch/frames(from:limit:)``.
    var frames: Data?
    /// There is more: what to ask for it with.
    var more: Int?
    var marks: [ReplicaMark]?
    var changeCounter: Int64?
    var changes: WireChanges?
    var cursor: String?
    var isEmpty: Bool?
    var outcomes: [WireOutcome]?
    var feedBefore: String?
    var feedAfter: String?
    var isProven: Bool?
    var isStamped: Bool?

    init(_ id: Int = 0) { self.id = id }
}

/// What a program says that it can; words of later versions among it.
struct WireAbility: RawRepresentable, Codable, Sendable, Hashable {
    var rawValue: String

    /// Its snapshots are in the order of keys.
    static let order = WireAbility(rawValue: "order")
    /// It heeds conditions of views.
    static let conditions = WireAbility(rawValue: "conditions")
    /// It heeds conversions of columns.
    static let conversions = WireAbility(rawValue: "conversions")
    /// Its records have keys of their own, which stay.
    static let keys = WireAbility(rawValue: "keys")

    static let all: [WireAbility] = [.order, .conditions, .conversions, .keys]
}

/// Why a request was not done.
struct WireError: Codable, Sendable {
    /// A kind of ``ReplicaError``, `unsupported`, or `cancelled`.
    var kind: String
    var message: String?

    static let unsupported = "unsupported"
    static let cancelled = "cancelled"

    init(_ kind: String, _ message: String? = nil) {
        self.kind = kind
        self.message = message
    }

    /// What a replica threw.
    init(_ error: any Error) {
        switch error {
        case let error as ReplicaError: self.init(error.kind.rawValue, error.message)
        case is CancellationError: self.init(Self.cancelled)
        default: self.init(ReplicaError.Kind.failed.rawValue, "\(error)")
        }
    }
}

/// What a feed says.
struct WireChanges: Codable, Sendable {
    var keys: [[Value]]
    var ranges: [Range]?
    var cursor: String

    struct Range: Codable, Sendable {
        var from: [Value]?
        var to: [Value]?
    }

    init(_ changes: ChangedKeys) throws {
        keys = try changes.keys.map { try $0.values() }
        ranges = try changes.ranges.map {
            Range(from: try $0.from?.values(), to: try $0.to?.values())
        }
        cursor = changes.cursor.text
    }

    var changes: ChangedKeys {
        ChangedKeys(
            keys: keys.map { RecordKey($0) }.sorted(),
            ranges: (ranges ?? []).map {
                KeyRange(from: $0.from.map { RecordKey($0) }, to: $0.to.map { RecordKey($0) })
            },
            cursor: FeedCursor(cursor))
    }
}
