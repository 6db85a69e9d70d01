import Dovetail

/// A text that was proven commit by commit.
struct ReplayedText: Sendable {
    /// Nil: there is no such document.
    var text: [UInt8]?
    /// How many commits and bytes of deltas lie between it and the whole text before it.
    var commitsSince = 0
    var bytesSince = 0

    var size: Int { text?.count ?? 0 }
}

/// What a log fails in.
struct LogDamage: Error {
    var sequence: Int64
    var reason: String
}

/// Makes texts of what a store keeps: the nearest whole text before, and the deltas after it, each proven by its hashes.
struct LogReplay {
    let store: any CommitStore
    let key: DocumentKey
    /// Commits that are read at once: deltas are small as a rule, and may be as large as texts.
    private static let portion = 32

    /// The text at a sequence of the log. Where a whole text is damaged, the one before it is the beginning.
    /// - Throws: ``LogDamage`` when it can't be proven; ``HubError``.
    func text(at target: Int64) async throws -> ReplayedText {
        var newest = try await snapshot(before: target)
        var base = newest
        var first: LogDamage?
        while true {
            do {
                return try await replay(from: base, to: target)
            } catch let damage as LogDamage {
                first = first ?? damage
                if let tried = base {
                    base = try await snapshot(before: tried.sequence - 1)
                    continue
                }
                // The log may have been pruned meanwhile, which leaves a newer whole text.
                let now = try await snapshot(before: target)
                guard now?.sequence != newest?.sequence else { throw first ?? damage }
                (newest, base, first) = (now, now, nil)
            }
        }
    }

    private func snapshot(before sequence: Int64) async throws -> (sequence: Int64, text: [UInt8])? {
        guard sequence > 0 else { return nil }
        return try await store.snapshot(of: key.document, in: key.set, before: sequence)
    }

    private func replay(from base: (sequence: Int64, text: [UInt8])?, to target: Int64) async throws
        -> ReplayedText
    {
        var steps = LogSteps(base: base)
        while steps.next <= target {
            let commits = try await store.commits(
                of: key.document, in: key.set, sequences: steps.next...target, limit: Self.portion,
                newestFirst: false, withDeltas: true)
            guard !commits.isEmpty else {
                throw LogDamage(sequence: steps.next, reason: "commit \(steps.next) is missing")
            }
            for commit in commits { try steps.take(commit) }
        }
        return try steps.result(at: target)
    }
}

/// Goes through a log, proving each commit.
struct LogSteps {
    /// The sequence that comes next.
    private(set) var next: Int64
    private(set) var replayed = ReplayedText()
    /// Whether the text is known; after pruning it is not until a whole one or a delete.
    private var isKnown: Bool
    private var hash: TextHash?
    private var isAtBase: Bool
    private var mayBeginLater: Bool

    init(base: (sequence: Int64, text: [UInt8])?) {
        next = base?.sequence ?? 1
        isAtBase = base != nil
        isKnown = base != nil
        mayBeginLater = base == nil
        replayed.text = base?.text
        hash = base.map { TextHash(of: $0.text) }
    }

    mutating func take(_ commit: Commit) throws(LogDamage) {
        let isFirst = mayBeginLater
        if mayBeginLater {
            isKnown = commit.sequence == 1
            next = max(next, commit.sequence)
            mayBeginLater = false
        }
        guard commit.sequence == next else {
            throw LogDamage(sequence: next, reason: "commit \(next) is missing")
        }
        next += 1
        if isAtBase {
            isAtBase = false
            guard commit.result == hash else {
                throw LogDamage(
                    sequence: commit.sequence,
                    reason: "the whole text at commit \(commit.sequence) is another one")
            }
            return
        }
        guard isFirst && !isKnown || commit.parent == hash else {
            throw LogDamage(
                sequence: commit.sequence,
                reason: "commit \(commit.sequence) does not follow the one before it")
        }
        try apply(commit)
    }

    private mutating func apply(_ commit: Commit) throws(LogDamage) {
        hash = commit.result
        guard let result = commit.result else {
            (replayed, isKnown) = (ReplayedText(), true)
            return
        }
        guard isKnown else {
            throw LogDamage(
                sequence: commit.sequence, reason: "no whole text is kept at commit \(commit.sequence)")
        }
        do {
            // The result is never larger than parent and delta, so it needs no other limit.
            let delta = try TextDelta(decoding: commit.delta, limit: .max >> 8)
            let hashes = (commit.parent ?? .empty, result)
            replayed.text = try delta.applied(to: replayed.text ?? [], proving: hashes) { TextHash(of: $0) }
        } catch {
            throw LogDamage(
                sequence: commit.sequence,
                reason: "commit \(commit.sequence) is damaged: \(Self.words(error))"
            )
        }
        guard replayed.size == commit.size else {
            throw LogDamage(
                sequence: commit.sequence, reason: "commit \(commit.sequence) says another size than it has")
        }
        replayed.commitsSince += 1
        replayed.bytesSince += commit.delta.count
    }

    /// What is wrong with a delta that was right when it was stored: what its own words advise would not help.
    static func words(_ error: TextDeltaError) -> String {
        switch error {
        case .damaged(let what, let place): "at byte \(place) of its delta, \(what)"
        case .unknownVersion: "its delta does not begin as one does"
        case .tooLarge(let size, _): "its delta says that it makes \(size) bytes"
        case .parentDiffers: "it was made from another text than the one before it"
        case .resultDiffers: "its delta makes another text than it was made for"
        }
    }

    func result(at target: Int64) throws(LogDamage) -> ReplayedText {
        guard next == target + 1, isKnown else {
            throw LogDamage(sequence: target, reason: "commit \(target) is missing")
        }
        return replayed
    }
}
