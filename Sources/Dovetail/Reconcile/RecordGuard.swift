/// Rules that say of single records what may not be done to them. They have the last word: what policies and persons
/// decided is not done against them, and the difference stands.
public struct RecordGuard: Sendable, Hashable {
    /// The rules as text that is the same exactly for the same rules.
    public let words: String
    private let judge: Judge

    /// Says why a record is left as it is; nil: nothing speaks against the writes. Must depend on what it is given, and on
    /// nothing that changes while a run is under way.
    ///
    /// Each side's record is given as it is now, and what would be written there; no writes where the record is in conflict.
    public typealias Judge =
        @Sendable (_ seen: Sides<PackedRecord?>, _ writes: Sides<Write?>) throws -> KeepReason?

    public init(words: String, judge: @escaping Judge) {
        self.words = words
        self.judge = judge
    }

    public static func == (a: RecordGuard, b: RecordGuard) -> Bool { a.words == b.words }
    public func hash(into hasher: inout Hasher) { hasher.combine(words) }

    /// The decision, or that the record is kept as it is.
    /// - Throws: what the judge throws.
    public func judge(_ decision: Decision, _ seen: Sides<PackedRecord?>) throws -> Decision {
        let writes: Sides<Write?>
        switch decision {
        case .write(let planned, _): writes = planned
        case .conflict: writes = Sides(left: nil, right: nil)
        case .unchanged, .agree, .keep, .refuse: return decision
        }
        return try judge(seen, writes).map(Decision.keep) ?? decision
    }

    var mirrored: RecordGuard {
        let prefix = "mirrored: "
        let words = words.hasPrefix(prefix) ? String(words.dropFirst(prefix.count)) : prefix + words
        return RecordGuard(words: words) { [judge] seen, writes in
            try judge(
                Sides(left: seen.right, right: seen.left), Sides(left: writes.right, right: writes.left))
        }
    }
}
