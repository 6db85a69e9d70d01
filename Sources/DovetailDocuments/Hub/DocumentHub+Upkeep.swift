import Synchronization

/// What a look through all logs found.
public struct HubVerification: Sendable, Hashable, Codable {
    public struct Damage: Sendable, Hashable, Codable {
        public var set: String
        public var document: DocumentName
        /// Where it was met.
        public var sequence: Int64
        public var reason: String

        public init(set: String, document: DocumentName, sequence: Int64, reason: String) {
            self.set = set
            self.document = document
            self.sequence = sequence
            self.reason = reason
        }
    }

    public var documents = 0
    public var commits = 0
    /// None: every text of every document is proven.
    public var damages: [Damage] = []
}

extension DocumentHub {
    // MARK: Proof

    /// Goes through all logs: each commit follows the one before it, makes the text that it says, and the last one is the head; each
    /// whole text is the one of its commit. What fails is read-only from then on, what was mended can be written again.
    ///
    /// - Parameter sets: nil: all.
    /// - Throws: ``HubError`` when the store can't be read.
    /// - Complexity: reads every delta once, and makes the texts of one document at a time.
    public func verify(_ sets: [String]? = nil) async throws -> HubVerification {
        var report = HubVerification()
        var names = sets
        if names == nil { names = try await store.sets() }
        for set in names ?? [] {
            for head in try await store.heads(of: set).heads {
                let key = DocumentKey(set: set, document: head.document)
                let (commits, damage) = try await turns.inTurn(key) { try await self.verify(key) }
                report.documents += 1
                report.commits += commits
                damages.withLock { $0[key] = damage?.reason }
                guard let damage else { continue }
                headTexts.forget(key)
                report.damages.append(
                    .init(set: set, document: key.document, sequence: damage.sequence, reason: damage.reason))
            }
        }
        return report
    }

    func verify(_ key: DocumentKey) async throws -> (commits: Int, damage: LogDamage?) {
        // Another hub may add to it or prune it meanwhile; then it is looked at once more.
        while true {
            guard let head = try await store.head(of: key.document, in: key.set) else { return (0, nil) }
            let found = try await prove(head, key)
            let now = try await store.head(of: key.document, in: key.set)
            if found.damage == nil || now?.oldest == head.oldest { return found }
        }
    }

    private func prove(_ head: StoredHead, _ key: DocumentKey) async throws -> (
        commits: Int, damage: LogDamage?
    ) {
        var count = 0
        do {
            let base = try await store.snapshot(of: key.document, in: key.set, before: head.oldest)
            if let base, base.sequence != head.oldest {
                throw LogDamage(sequence: base.sequence, reason: "a whole text is older than the log")
            }
            var steps = LogSteps(base: base)
            var last: Commit?
            while (last?.sequence ?? head.oldest - 1) < head.sequence {
                let next = (last?.sequence ?? head.oldest - 1) + 1
                let part = try await store.commits(
                    of: key.document, in: key.set, sequences: next...head.sequence, limit: 32,
                    newestFirst: false,
                    withDeltas: true)
                guard part.first?.sequence == next else {
                    throw LogDamage(sequence: next, reason: "commit \(next) is missing")
                }
                for commit in part {
                    try steps.take(commit)
                    try await proveWholeText(of: commit, steps.replayed.text, key)
                    count += 1
                    last = commit
                }
            }
            let stored = last.map { StoredHead(of: $0, oldest: head.oldest) }
            guard stored == head else {
                throw LogDamage(sequence: head.sequence, reason: "its head says something else than its log")
            }
            return (count, nil)
        } catch let damage as LogDamage {
            return (count, damage)
        } catch let error as HubError where error.kind == .damaged {
            return (count, LogDamage(sequence: head.oldest + Int64(count), reason: error.message))
        }
    }

    private func proveWholeText(of commit: Commit, _ text: [UInt8]?, _ key: DocumentKey) async throws {
        let kept = try await store.snapshot(of: key.document, in: key.set, before: commit.sequence)
        guard let kept, kept.sequence == commit.sequence else { return }
        guard kept.text == text else {
            throw LogDamage(
                sequence: commit.sequence,
                reason: "the whole text at commit \(commit.sequence) is another one")
        }
    }

    // MARK: Pruning

    /// Forgets old commits by the rule of the settings. Heads stay, and a whole text where each log then begins.
    ///
    /// - Returns: how many commits were forgotten.
    /// - Throws: ``HubError``. A damaged document is left as it is.
    @discardableResult
    public func prune() async throws -> Int {
        guard let rule = settings.pruning else { return 0 }
        let youngest = clock.time() - Int64(min(max(rule.keepDays, 0), 1e6) * 86_400e6)
        var count = 0
        for set in try await store.sets() {
            for head in try await store.heads(of: set).heads {
                let newest = head.sequence - Int64(max(rule.keepCommits, 1)) + 1
                let key = DocumentKey(set: set, document: head.document)
                guard newest > head.oldest, damages.withLock({ $0[key] }) == nil else { continue }
                let first = try await firstKept(in: head.oldest...newest, youngest, key)
                guard first > head.oldest else { continue }
                do {
                    try await begin(key, at: first)
                    count += Int(first - head.oldest)
                } catch let error as HubError where error.kind == .damaged {
                    continue
                }
            }
        }
        return count
    }

    /// The first commit of a range that is not old enough, or its last one. Times may go back where a clock did; what is before a
    /// younger one is old all the same.
    private func firstKept(
        in range: ClosedRange<Int64>, _ youngest: Int64, _ key: DocumentKey
    ) async throws -> Int64 {
        var next = range.lowerBound
        while next < range.upperBound {
            let part = try await store.commits(
                of: key.document, in: key.set, sequences: next...range.upperBound, limit: 1000,
                newestFirst: false,
                withDeltas: false)
            guard let last = part.last else { break }
            if let young = part.first(where: { $0.time >= youngest }) { return young.sequence }
            next = last.sequence + 1
        }
        return range.upperBound
    }

    private func begin(_ key: DocumentKey, at sequence: Int64) async throws {
        let text: [UInt8]?
        do {
            text = try await LogReplay(store: store, key: key).text(at: sequence).text
        } catch let damage as LogDamage {
            throw note(damage, of: key)
        }
        if let text { try await store.keep(text, of: key.document, in: key.set, at: sequence) }
        try await store.prune(key.document, in: key.set, before: sequence)
    }

    // MARK: After a backup was restored

    /// Says that the store was restored from a backup: clients compare their texts with it instead of trusting their places.
    /// - Throws: ``HubError``.
    public func renewEpoch() async throws {
        try await store.renewEpoch()
        headTexts.forgetAll()
        damages.withLock { $0 = [:] }
        documentCounts.withLock { $0 = [:] }
        happenings.restart()
    }
}
