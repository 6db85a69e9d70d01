import Dovetail

/// How a damaged log can be put in order.
///
/// Every text that can be proven stays where it is. A commit whose text can't be, between such that can, becomes one that changes
/// nothing: so the log has no hole, and says who wrote there and when. What comes before the first proven text goes.
struct LogRepair {
    let store: any CommitStore
    let key: DocumentKey

    /// What is to be written, and what that means.
    struct Plan {
        var mend: LogMend
        /// The commits whose texts are lost, in order.
        var lost: [Int64] = []
        /// The commit whose text is the newest that is proven; nil: there is none.
        var newest: Int64?
        /// Whether clients may have had another text than the log now ends with.
        var isNewestLost = false
    }

    /// What stands behind the author of a commit whose text is lost.
    static let mark = " (lost)"
    private static let portion = 32
    /// Commits that may be missing in a row: more are a damaged number.
    fileprivate static let longestHole = 100_000

    /// - Throws: ``HubError``.
    func plan(for head: StoredHead) async throws -> Plan {
        var walk = Walk(document: key.document, plan: Plan(mend: LogMend(oldest: 0, newest: 0)))
        var next: Int64 = 1
        while true {
            let part = try await store.commits(
                of: key.document, in: key.set, sequences: next...Int64.max, limit: Self.portion,
                newestFirst: false, withDeltas: true)
            for commit in part {
                try await fill(max(next, walk.hasBegun ? next : head.oldest), upTo: commit, &walk)
                walk.take(commit, kept: try await wholeText(at: commit.sequence))
                next = commit.sequence + 1
            }
            if part.count < Self.portion || next == .max { break }
        }
        return walk.end(head)
    }

    private func wholeText(at sequence: Int64) async throws -> [UInt8]? {
        let kept = try await store.snapshot(of: key.document, in: key.set, before: sequence)
        return kept?.sequence == sequence ? kept?.text : nil
    }

    /// Commits that are missing before one that is there.
    private func fill(_ first: Int64, upTo commit: Commit, _ walk: inout Walk) async throws {
        guard first < commit.sequence else { return }
        guard commit.sequence - first <= Self.longestHole else {
            throw HubError(
                .damaged,
                "the commits \(first) to \(commit.sequence - 1) of “\(key.document)” in the set \(key.set) are missing, which"
                    + " is more than can be filled; restore a backup")
        }
        for sequence in first..<commit.sequence {
            walk.miss(sequence, before: commit, kept: try await wholeText(at: sequence))
        }
    }

    /// Goes through a log as it is stored, beside which the one arises that it becomes.
    private struct Walk {
        let document: DocumentName
        var plan: Plan
        var random = SystemRandomNumberGenerator()
        var hasBegun = false
        /// The text that the stored log has so far; nil: it can't be proven.
        var stored: [UInt8]?? = .some(nil)
        /// The text that the new log has so far, and its last commit.
        var made: [UInt8]?
        var last: Commit?

        private var madeHash: TextHash? { made.map { TextHash(of: $0) } }

        mutating func take(_ commit: Commit, kept: [UInt8]?) {
            // Only the first commit of all begins with nothing.
            if last == nil, plan.lost.isEmpty, commit.sequence > 1 { stored = nil }
            guard let text = proven(commit, kept) else { return lose(commit, kept: kept) }
            var wanted = commit
            // What a log that was cut off begins with follows a text that nobody has.
            if hasBegun || commit.sequence == 1 { wanted.parent = madeHash }
            wanted.size = text?.count ?? 0
            let follows = stored.map { $0 == made && text == Self.apply(commit, to: $0) } ?? !hasBegun
            if !follows { wanted.delta = Self.delta(from: made, to: text) }
            (stored, made) = (.some(text), text)
            keep(wanted, insteadOf: commit, kept: kept)
            plan.newest = commit.sequence
            plan.isNewestLost = false
        }

        /// A commit that is not there.
        mutating func miss(_ sequence: Int64, before next: Commit, kept: [UInt8]?) {
            lose(
                Commit(
                    document: document, sequence: sequence, place: 0, parent: nil, result: nil, size: 0,
                    author: "unknown", time: last?.time ?? next.time, key: .random(using: &random), delta: []),
                kept: kept)
        }

        private mutating func lose(_ commit: Commit, kept: [UInt8]?) {
            plan.lost.append(commit.sequence)
            stored = nil
            guard hasBegun else {
                last = commit
                return
            }
            keep(Self.lost(commit, at: made, madeHash), insteadOf: commit, kept: kept)
            plan.isNewestLost = true
        }

        private static func lost(_ commit: Commit, at text: [UInt8]?, _ hash: TextHash?) -> Commit {
            var lost = commit
            (lost.parent, lost.result, lost.size) = (hash, hash, text?.count ?? 0)
            lost.delta = delta(from: text, to: text)
            if !lost.author.hasSuffix(LogRepair.mark) { lost.author += LogRepair.mark }
            return lost
        }

        private mutating func keep(_ wanted: Commit, insteadOf commit: Commit, kept: [UInt8]?) {
            var wanted = wanted
            if !hasBegun { plan.mend.oldest = wanted.sequence }
            (hasBegun, last) = (true, wanted)
            if kept != nil, kept != made { plan.mend.texts[wanted.sequence] = .some(made) }
            guard wanted != commit || wanted.place == 0 else { return }
            // Who sends it again is not to be told that it is there.
            if wanted.parent != commit.parent || wanted.result != commit.result {
                wanted.key = .random(using: &random)
                last = wanted
            }
            plan.mend.commits.append(wanted)
        }

        /// The text after a commit, if it can be proven.
        private func proven(_ commit: Commit, _ kept: [UInt8]?) -> [UInt8]?? {
            guard let result = commit.result else { return commit.delta.isEmpty ? .some(nil) : nil }
            if let stored, let text = Self.apply(commit, to: stored) { return .some(text) }
            guard let kept, TextHash(of: kept) == result else { return nil }
            return .some(kept)
        }

        /// Nil: it makes another text than it says. Whether it says so of its parent is another matter.
        private static func apply(_ commit: Commit, to text: [UInt8]?) -> [UInt8]? {
            guard let result = commit.result,
                let delta = try? TextDelta(decoding: commit.delta, limit: .max >> 8)
            else { return nil }
            let parent = text.map { TextHash(of: $0) } ?? .empty
            return try? delta.applied(to: text ?? [], proving: (parent, result)) { TextHash(of: $0) }
        }

        private static func delta(from old: [UInt8]?, to new: [UInt8]?) -> [UInt8] {
            new.map { TextDelta(from: old ?? [], to: $0).encoded() } ?? []
        }

        mutating func end(_ head: StoredHead) -> Plan {
            if !hasBegun {
                // A document without a text: who has one brings it back.
                let end = last.map(\.sequence) ?? head.sequence
                if plan.lost.last != end { plan.lost.append(end) }
                let found = last?.place == 0 ? nil : last
                let commit =
                    found
                    ?? Commit(
                        document: document, sequence: end, place: 0, parent: nil, result: nil, size: 0,
                        author: head.author, time: head.time, key: .random(using: &random), delta: [])
                var lost = Self.lost(commit, at: nil, nil)
                lost.key = .random(using: &random)
                (plan.mend.oldest, plan.mend.commits) = (end, [lost])
                (last, plan.isNewestLost) = (lost, true)
            }
            plan.mend.newest = last?.sequence ?? head.sequence
            if head.sequence != plan.mend.newest || head.hash != last?.result { plan.isNewestLost = true }
            if head.sequence > plan.mend.newest, head.sequence - plan.mend.newest <= LogRepair.longestHole {
                plan.lost += (plan.mend.newest + 1)...head.sequence
            }
            return plan
        }
    }
}
