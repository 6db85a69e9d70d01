import Dovetail
import Foundation

/// A change feed made of digests: its cursor is what each range of a table held, and what changed since then is
/// where a range holds something else now.
///
/// It needs nothing in the store, names more keys than have changed, and never fewer.
public struct DigestFeed: Sendable {
    private let observation: any DigestingObservation
    private let view: TableView
    /// Small ranges name few keys beside the changed ones, many make a large cursor: this many take half a megabyte.
    private let rangeCount: Int

    public init(_ observation: any DigestingObservation, view: TableView, rangeCount: Int = 16_384) {
        self.observation = observation
        self.view = view
        self.rangeCount = rangeCount
    }

    /// What the table holds now; nil where it has no digests. Costs a scan.
    /// - Throws: ``ReplicaError``.
    public func position() async throws -> FeedCursor? {
        guard let dialect = try await observation.digestDialect(of: view) else { return nil }
        let bounds = try await observation.sampleKeys(of: view, count: rangeCount)
        let digests = try await observation.digests(of: view, parts: KeyParts(bounds: bounds))
        return Position(dialect: dialect, bounds: bounds, digests: digests).cursor
    }

    /// What a feed of digests says.
    public enum Answer: Sendable {
        case changes(ChangedKeys)
        /// So much changed that looking at everything costs less; the cursor says what the table holds now.
        case much(FeedCursor)
    }

    /// The keys in all ranges that changed; nil when the cursor is none of this feed, or not worth keeping.
    /// - Throws: ``ReplicaError``.
    public func changes(since cursor: FeedCursor) async throws -> Answer? {
        guard let was = Position(cursor), try await observation.digestDialect(of: view) == was.dialect else {
            return nil
        }
        var parts = KeyParts(bounds: was.bounds)
        let digests = try await observation.digests(of: view, parts: parts)
        let now = Position(dialect: was.dialect, bounds: was.bounds, digests: digests)
        let changed = was.changes(to: now)
        // Before they are asked for: a change in each range would bring the keys of the whole table here.
        guard ChangedKeys.areFew(now.count(in: changed) + was.written.count, of: now.count(in: nil)) else {
            return now.isEven ? .much(now.cursor) : nil
        }
        var keys = was.written
        if !changed.isEmpty {
            parts.wanted = changed.map { PartPosition(range: $0) }
            keys.formUnion(try await observation.keyDigests(of: view, parts: parts).lazy.map(\.key))
        }
        return .changes(
            ChangedKeys(keys: keys.sorted(), ranges: changed.map(parts.keys), cursor: now.cursor))
    }

    /// The cursor after the run wrote records with these keys, on either side; nil where they are so many that looking at
    /// everything costs less. Another feed's cursor stays as it is.
    ///
    /// A cursor says what a table held when it was looked at, and the base has moved since. Were such a write taken
    /// back, by someone or by an undo, the ranges would hold again what the cursor says; so it names the keys itself.
    static func cursor(_ cursor: FeedCursor, noting keys: [RecordKey]) -> FeedCursor? {
        guard !keys.isEmpty, var position = Position(cursor) else { return cursor }
        position.written.formUnion(keys)
        return position.written.count <= 5000 ? position.cursor : nil
    }

    /// The tables whose cursors say what a table held, rather than up to where a log was read. A run that moves the base
    /// and is cut short leaves them saying something about another base.
    static func tables(of cursors: [String: Sides<FeedCursor?>]) -> [String] {
        cursors.filter { _, sides in
            Side.allCases.contains { sides[$0]?.text.hasPrefix(Position.prefix) == true }
        }
        .map(\.key).sorted()
    }

    /// What each range held at one moment.
    private struct Position {
        static let prefix = "digests1:"

        let dialect: String
        let bounds: [RecordKey]
        /// By range; a range that is missing held nothing.
        let digests: [Int: SetDigest]
        /// Keys that were written since.
        var written: Set<RecordKey> = []

        init(dialect: String, bounds: [RecordKey], digests: [PartDigest]) {
            self.dialect = dialect
            self.bounds = bounds
            self.digests = Dictionary(
                digests.map { ($0.position.range, $0.digest) }, uniquingKeysWith: { first, _ in first })
        }

        /// Nil for a cursor of another feed.
        init?(_ cursor: FeedCursor) {
            guard cursor.text.hasPrefix(Self.prefix),
                let data = Data(base64Encoded: String(cursor.text.dropFirst(Self.prefix.count)))
            else { return nil }
            var reader = ByteReader(Array(data))
            do {
                dialect = String(decoding: try reader.counted(), as: UTF8.self)
                var bounds: [RecordKey] = []
                for _ in 0..<(try reader.integer(UInt32.self)) {
                    bounds.append(RecordKey(bytes: Array(try reader.counted())))
                }
                self.bounds = bounds
                var digests: [Int: SetDigest] = [:]
                for _ in 0..<(try reader.integer(UInt32.self)) {
                    let range = Int(try reader.integer(UInt32.self))
                    let sum = Digest(high: try reader.integer(), low: try reader.integer())
                    digests[range] = SetDigest(sum: sum, count: try reader.integer())
                }
                self.digests = digests
                for _ in 0..<(try reader.integer(UInt32.self)) {
                    written.insert(RecordKey(bytes: Array(try reader.counted())))
                }
            } catch {
                return nil
            }
        }

        var cursor: FeedCursor {
            var writer = ByteWriter(reserving: digests.count * 40)
            writer.put(counted: Array(dialect.utf8))
            writer.put(integer: UInt32(bounds.count))
            for bound in bounds { writer.put(counted: bound.bytes) }
            writer.put(integer: UInt32(digests.count))
            for (range, digest) in digests.sorted(by: { $0.key < $1.key }) {
                writer.put(integer: UInt32(range))
                writer.put(integer: digest.sum.high)
                writer.put(integer: digest.sum.low)
                writer.put(integer: digest.count)
            }
            writer.put(integer: UInt32(written.count))
            for key in written.sorted() { writer.put(counted: key.bytes) }
            return FeedCursor(Self.prefix + Data(writer.bytes).base64EncodedString())
        }

        /// How many records some ranges hold, or all.
        func count(in ranges: [Int]?) -> Int {
            let counts = ranges?.lazy.map { digests[$0]?.count ?? 0 }.reduce(0, +)
            return Int(counts ?? digests.values.reduce(0) { $0 + $1.count })
        }

        /// Whether no range has grown so large that the table is better divided anew.
        var isEven: Bool {
            let largest = digests.values.map(\.count).max() ?? 0
            return largest <= 8 * UInt64(max(1, count(in: nil) / (bounds.count + 1)))
        }

        /// The ranges that hold something else in `now`, ascending.
        func changes(to now: Position) -> [Int] {
            Set(digests.keys).union(now.digests.keys).filter { digests[$0] != now.digests[$0] }.sorted()
        }
    }
}
