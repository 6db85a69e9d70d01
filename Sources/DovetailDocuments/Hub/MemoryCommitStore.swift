/// Logs that live as long as the process: for tests, and to try things out.
public actor MemoryCommitStore: CommitStore {
    private struct Log {
        var commits: [Commit] = []
        var texts: [Int64: [UInt8]] = [:]
        var head: StoredHead

        /// Those with sequences in a range. Sequences grow by one, except where a test took one out.
        func commits(_ sequences: ClosedRange<Int64>) -> ArraySlice<Commit> {
            let first = place(of: sequences.lowerBound)
            // The last one may be the largest number there is.
            let (end, isBeyond) = sequences.upperBound.addingReportingOverflow(1)
            return commits[first..<max(first, isBeyond ? commits.count : place(of: end))]
        }

        /// Of the first commit with at least this sequence.
        func place(of sequence: Int64) -> Int {
            var (low, high) = (0, commits.count)
            while low < high {
                let middle = (low + high) / 2
                if commits[middle].sequence < sequence { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    private struct Place {
        var document: DocumentName
        var sequence: Int64
        var place: Int64
    }

    private struct Content {
        var logs: [DocumentName: Log] = [:]
        var place: Int64 = 0
        /// Of all commits, in order.
        var places: [Place] = []
        var keys: [CommitKey: (document: DocumentName, sequence: Int64)] = [:]
        var conflicts: [DocumentConflict.ID: DocumentConflict] = [:]
    }

    public nonisolated let name: String
    private var currentEpoch: UInt64
    private var content: [String: Content] = [:]
    private var tokensByHash: [TextHash: HubToken] = [:]

    /// - Parameter epoch: random, unless a test wants it otherwise.
    public init(name: String = "in memory", epoch: UInt64 = .random(in: 1...(.max))) {
        self.name = name
        currentEpoch = epoch
    }

    public func epoch() -> UInt64 { currentEpoch }

    public func renewEpoch() {
        var epoch = UInt64.random(in: 1...(.max))
        while epoch == currentEpoch { epoch = .random(in: 1...(.max)) }
        currentEpoch = epoch
    }

    public func sets() -> [String] { content.filter { !$0.value.logs.isEmpty }.keys.sorted() }

    public func heads(of set: String) -> (place: Int64, heads: [StoredHead]) {
        guard let content = content[set] else { return (0, []) }
        return (content.place, content.logs.values.map(\.head).sorted { $0.document < $1.document })
    }

    public func head(of document: DocumentName, in set: String) -> StoredHead? {
        content[set]?.logs[document]?.head
    }

    public func append(_ commit: Commit, snapshot: [UInt8]?, to set: String) -> AppendOutcome {
        if let known = self.commit(with: commit.key, in: set) { return .known(known) }
        let head = head(of: commit.document, in: set)
        guard head.isFollowed(by: commit) else { return .stale(head) }
        var commit = commit
        var content = self.content.removeValue(forKey: set) ?? Content()
        content.place += 1
        commit.place = content.place
        content.places.append(
            Place(document: commit.document, sequence: commit.sequence, place: commit.place))
        content.keys[commit.key] = (commit.document, commit.sequence)
        let newHead = StoredHead(of: commit, oldest: head?.oldest ?? 1)
        var log = content.logs.removeValue(forKey: commit.document) ?? Log(head: newHead)
        log.head = newHead
        log.commits.append(commit)
        if let snapshot { log.texts[commit.sequence] = snapshot }
        content.logs[commit.document] = log
        self.content[set] = content
        return .appended(commit)
    }

    public func commit(with key: CommitKey, in set: String) -> Commit? {
        guard let (document, sequence) = content[set]?.keys[key] else { return nil }
        return content[set]?.logs[document]?.commits(sequence...sequence).first
    }

    public func commits(
        of document: DocumentName, in set: String, sequences: ClosedRange<Int64>, limit: Int,
        newestFirst: Bool,
        withDeltas: Bool
    ) -> [Commit] {
        guard let found = content[set]?.logs[document]?.commits(sequences) else { return [] }
        let chosen = newestFirst ? Array(found.suffix(limit).reversed()) : Array(found.prefix(limit))
        return withDeltas
            ? chosen
            : chosen.map { commit in
                var commit = commit
                commit.delta = []
                return commit
            }
    }

    public func commits(of set: String, after place: Int64, limit: Int) -> [Commit] {
        guard let content = content[set] else { return [] }
        var (low, high) = (0, content.places.count)
        while low < high {
            let middle = (low + high) / 2
            if content.places[middle].place <= place { low = middle + 1 } else { high = middle }
        }
        return content.places[low...].lazy
            .compactMap { content.logs[$0.document]?.commits($0.sequence...$0.sequence).first }
            .prefix(limit).map { $0 }
    }

    public func snapshot(
        of document: DocumentName, in set: String, before sequence: Int64
    ) -> (sequence: Int64, text: [UInt8])? {
        let texts = content[set]?.logs[document]?.texts ?? [:]
        guard let newest = texts.keys.filter({ $0 <= sequence }).max(), let text = texts[newest] else {
            return nil
        }
        return (newest, text)
    }

    public func keep(_ text: [UInt8], of document: DocumentName, in set: String, at sequence: Int64) {
        content[set]?.logs[document]?.texts[sequence] = text
    }

    public func prune(_ document: DocumentName, in set: String, before sequence: Int64) throws {
        guard var content = self.content[set], var log = content.logs[document] else { return }
        guard log.head.oldest < sequence else { return }
        guard let first = log.commits(sequence...sequence).first,
            first.result == nil || log.texts[sequence] != nil
        else { throw HubError.nothingToBeginWith(document, at: sequence) }
        for commit in log.commits.prefix(while: { $0.sequence < sequence }) { content.keys[commit.key] = nil }
        log.commits.removeAll { $0.sequence < sequence }
        log.texts = log.texts.filter { $0.key >= sequence }
        log.head.oldest = sequence
        content.places.removeAll { $0.document == document && $0.sequence < sequence }
        content.logs[document] = log
        self.content[set] = content
    }

    public func mend(_ document: DocumentName, in set: String, by mend: LogMend) throws {
        guard var content = self.content[set], var log = content.logs[document] else { return }
        for commit in log.commits { content.keys[commit.key] = nil }
        var commits = Dictionary(log.commits.map { ($0.sequence, $0) }) { first, _ in first }
        for var commit in mend.commits {
            if commit.place == 0 {
                content.place += 1
                commit.place = content.place
            }
            commits[commit.sequence] = commit
        }
        for (sequence, text) in mend.texts { log.texts[sequence] = text }
        log.commits = commits.values.filter { (mend.oldest...mend.newest).contains($0.sequence) }
            .sorted { $0.sequence < $1.sequence }
        log.texts = log.texts.filter { (mend.oldest...mend.newest).contains($0.key) }
        guard let last = log.commits.last, last.sequence == mend.newest else {
            throw HubError.nothingToEndWith(document, at: mend.newest)
        }
        log.head = StoredHead(of: last, oldest: mend.oldest)
        for commit in log.commits { content.keys[commit.key] = (document, commit.sequence) }
        content.places.removeAll { $0.document == document }
        content.places += log.commits.map {
            Place(document: document, sequence: $0.sequence, place: $0.place)
        }
        content.places.sort { $0.place < $1.place }
        content.logs[document] = log
        self.content[set] = content
    }

    public func conflicts(of set: String) -> [DocumentConflict] {
        (content[set]?.conflicts.values).map { $0.sorted { ($0.time, $0.id) < ($1.time, $1.id) } } ?? []
    }

    public func keep(_ conflict: DocumentConflict?, id: DocumentConflict.ID, in set: String) -> Int64 {
        content[set, default: Content()].conflicts[id] = conflict
        content[set, default: Content()].place += 1
        return content[set]?.place ?? 0
    }

    /// Nobody else is on it.
    public nonisolated func wakes() -> AsyncStream<String> { AsyncStream { $0.finish() } }

    public func tokens() -> [HubToken] {
        tokensByHash.values.sorted { ($0.created, $0.name) < ($1.created, $1.name) }
    }

    public func keep(_ token: HubToken) { tokensByHash[token.hash] = token }

    public func close() {}

    // MARK: For tests of damage

    /// Puts something else in the place of a stored commit, or takes it out, as a failing disk would. The head stays as it was.
    package func damage(
        _ document: DocumentName, in set: String, at sequence: Int64, _ change: (Commit) -> Commit?
    ) {
        guard var log = content[set]?.logs[document] else { return }
        log.commits = log.commits.compactMap { $0.sequence == sequence ? change($0) : $0 }
        content[set]?.logs[document] = log
    }
}
