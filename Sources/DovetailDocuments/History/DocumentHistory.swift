import Dovetail

/// The past of one document, as a hub tells it. Every text is proven by its hash before it is shown.
public struct DocumentHistory: Sendable {
    private let hub: any Hub
    public let document: DocumentName
    /// Bytes of a text at most.
    private static let largest = 1 << 30

    /// A commit with the text before and after it.
    public struct Version: Sendable {
        public let commit: Commit
        /// Nil: there was no document.
        public let before: [UInt8]?
        /// Nil: it was deleted.
        public let after: [UInt8]?
        /// Whether the text before it is no longer kept, or can't be proven; `before` is nil then.
        public let isFirstKept: Bool
        /// Why its text can't be proven, for people; both texts are nil then. Nil: it is.
        public var problem: String?
    }

    /// A line of the present text with the commit that brought it; nil: it is older than what is kept.
    public struct BlamedLine: Sendable, Hashable {
        public let line: [UInt8]
        public let commit: Commit?
    }

    public init(_ document: DocumentName, at hub: any Hub) {
        self.document = document
        self.hub = hub
    }

    /// The text at a commit, or at the head.
    /// - Throws: ``HubError``.
    public func text(at sequence: Int64?) async throws -> Snapshot {
        let snapshot = try await hub.text(of: document, at: sequence)
        if let sequence, snapshot.position.sequence != sequence {
            throw HubError(.invalid, "\(hub.name) gave another commit of \(document) than was asked for")
        }
        return snapshot
    }

    /// The newest commits up to one, oldest first, with their texts.
    /// - Parameters:
    ///   - sequence: of the newest wanted; nil: the head.
    ///   - limit: how many at most.
    /// - Throws: ``HubError``.
    public func versions(upTo sequence: Int64? = nil, limit: Int) async throws -> [Version] {
        let log = try await hub.log(of: document, before: sequence, limit: limit)
        guard let first = log.last, let last = log.first else { return [] }
        return try await versions(from: first, to: last.sequence)
    }

    /// Who brought each line of the text, oldest kept commit first. O(commits × (text + changes)).
    /// - Throws: ``HubError``; ``HubError/Kind/damaged`` when the newest text can't be proven.
    public func blame() async throws -> [BlamedLine] {
        let log = try await hub.log(of: document, before: nil, limit: .max)
        guard let first = log.last, let last = log.first else { return [] }
        var lines: [Commit?] = []
        var text: [UInt8] = []
        let versions = try await versions(from: first, to: last.sequence)
        if let problem = versions.last?.problem { throw HubError(.damaged, problem) }
        for version in versions where version.problem == nil {
            let after = version.after ?? []
            if version.isFirstKept {
                lines = Array(repeating: nil, count: TextLines(after).count)
            } else {
                lines = Self.blame(lines, from: text, to: after, by: version.commit)
            }
            text = after
        }
        let table = TextLines(text)
        return (0..<table.count).map { BlamedLine(line: Array(table[$0]), commit: lines[$0]) }
    }

    private static func blame(
        _ lines: [Commit?], from old: [UInt8], to new: [UInt8], by commit: Commit
    ) -> [Commit?] {
        let (before, after) = (TextLines(old), TextLines(new))
        var blamed: [Commit?] = []
        blamed.reserveCapacity(after.count)
        var next = 0
        for hunk in LineDiff.hunks(from: old, to: new) {
            let (gone, came) = (before.lines(in: hunk.old), after.lines(in: hunk.new))
            blamed += lines[next..<gone.lowerBound]
            blamed += Array(repeating: commit, count: came.count)
            next = gone.upperBound
        }
        blamed += lines[next...]
        return blamed
    }

    /// What can't be proven says so, and does not hide what came before and after it.
    /// - Parameter first: as the log has it.
    private func versions(from first: Commit, to last: Int64) async throws -> [Version] {
        var versions: [Version] = []
        var text: [UInt8]?
        var isKnown = true
        var position: LogPosition
        if first.sequence > 1, let before = try await kept(first.sequence - 1) {
            (text, position) = (before.text, before.position)
        } else if first.sequence > 1, let snapshot = try await kept(first.sequence) {
            (text, position) = (snapshot.text, snapshot.position)
            versions.append(Version(commit: first, before: nil, after: text, isFirstKept: true))
        } else {
            let epoch = try await hub.documents().epoch
            position = LogPosition(epoch: epoch, sequence: first.sequence - 1)
            isKnown = first.sequence == 1
        }
        while position.sequence < last {
            guard
                case .commits(let commits) = try await hub.commits(of: document, after: position, limit: 1000),
                !commits.isEmpty
            else {
                throw HubError(.pruned, "\(document) was changed at \(hub.name) while it was read; try again")
            }
            for commit in commits where commit.sequence <= last {
                guard commit.sequence == position.sequence + 1 else {
                    throw HubError(.damaged, "\(hub.name) left out commits of \(document)")
                }
                let version = try await version(commit, after: text, isKnown: isKnown)
                versions.append(version)
                (text, isKnown) = (version.after, version.problem == nil)
                position.sequence = commit.sequence
            }
        }
        return versions
    }

    private func version(_ commit: Commit, after text: [UInt8]?, isKnown: Bool) async throws -> Version {
        var problem = "commit \(commit.sequence) of \(document) follows a text that can't be proven"
        if isKnown {
            do {
                return Version(
                    commit: commit, before: text, after: try Self.apply(commit, to: text), isFirstKept: false)
            } catch {
                problem = error.message
            }
        }
        let snapshot = try await kept(commit.sequence)
        return Version(
            commit: commit, before: nil, after: snapshot?.text, isFirstKept: true,
            problem: snapshot == nil ? problem : nil)
    }

    /// The text at a commit; nil: it is no longer kept, or can't be proven.
    private func kept(_ sequence: Int64) async throws -> Snapshot? {
        do {
            return try await text(at: sequence)
        } catch let error as HubError where error.kind == .pruned || error.kind == .damaged {
            return nil
        }
    }

    /// The text that a commit makes.
    /// - Throws: ``HubError`` when it does not fit.
    static func apply(_ commit: Commit, to text: [UInt8]?) throws(HubError) -> [UInt8]? {
        func damaged(_ reason: String) -> HubError {
            HubError(.damaged, "commit \(commit.sequence) of \(commit.document) is damaged: \(reason)")
        }
        guard text.map({ TextHash(of: $0) }) == commit.parent else {
            throw damaged("it follows another text")
        }
        guard let result = commit.result else { return nil }
        do {
            return try TextDelta(decoding: commit.delta, limit: largest)
                .applied(to: text ?? [], proving: (commit.parent ?? .empty, result)) { TextHash(of: $0) }
        } catch {
            throw damaged(LogSteps.words(error))
        }
    }
}

extension DocumentHistory {
    /// What came of a restore.
    public enum Restored: Sendable, Hashable {
        case alike
        case restored(sequence: Int64)
    }

    /// Makes an old text the newest one, by a commit of its own. Where others commit meanwhile, it follows them.
    /// - Throws: ``HubError``; ``HubError/Kind/busy`` when others are always faster.
    public func restore(_ sequence: Int64) async throws -> Restored {
        let wanted = try await text(at: sequence).text
        for _ in 0..<10 {
            let head = try await hub.text(of: document, at: nil)
            if head.text == wanted { return .alike }
            if let sequence = try await commit(wanted, after: head) { return .restored(sequence: sequence) }
        }
        throw HubError(.busy, "others kept changing \(document) while it was restored; try again")
    }

    /// Makes a text the newest one, if the newest one is what is expected; nil: there is no document, or there shall be none.
    /// - Returns: false: it is another one.
    /// - Throws: ``HubError``.
    func write(_ text: [UInt8]?, expecting old: [UInt8]?) async throws -> Bool {
        let head: Snapshot
        do {
            head = try await hub.text(of: document, at: nil)
        } catch let error as HubError where error.kind == .notFound {
            let epoch = try await hub.documents().epoch
            head = Snapshot(document: document, position: LogPosition(epoch: epoch, sequence: 0), text: nil)
        }
        guard head.text == old else { return false }
        return try await commit(text, after: head) != nil
    }

    /// - Returns: its sequence; nil: someone was faster.
    private func commit(_ text: [UInt8]?, after head: Snapshot) async throws -> Int64? {
        var random = SystemRandomNumberGenerator()
        let draft = CommitDraft(
            document: document, parent: head.position, parentHash: head.hash,
            result: text.map { TextHash(of: $0) },
            delta: text.map { TextDelta(from: head.text ?? [], to: $0).encoded() } ?? [],
            key: .random(using: &random))
        guard case .committed(let sequence, _, _) = try await hub.push(draft) else { return nil }
        return sequence
    }
}
