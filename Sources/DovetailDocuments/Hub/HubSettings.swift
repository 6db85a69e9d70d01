import Foundation

/// How much a hub takes. What is more is refused with ``HubError/Kind/tooLarge`` or ``HubError/Kind/busy``.
public struct HubLimits: Sendable, Hashable, Codable {
    /// Bytes of one text.
    public var largestText: Int
    /// About the bytes of deltas in one answer, of which the first is sent however large it is.
    public var largestMessage: Int
    /// Pushes of one client; they may come at once.
    public var commitsPerMinute: Int
    /// Deleted ones too.
    public var documentsPerSet: Int
    /// Conflicts that wait in one set.
    public var conflictsPerSet: Int
    /// Bytes of the texts of heads that are kept in memory.
    public var cachedTexts: Int
    /// Bytes of a delta that is sent with its event.
    public var largestEventDelta: Int
    /// Events of a set that are remembered for those who are behind, and about the bytes of their deltas.
    public var rememberedEvents: Int
    public var rememberedEventBytes: Int

    public init(
        largestText: Int = 64 << 20, largestMessage: Int = 16 << 20, commitsPerMinute: Int = 3000,
        documentsPerSet: Int = 100_000, conflictsPerSet: Int = 1000, cachedTexts: Int = 256 << 20,
        largestEventDelta: Int = 16 << 10, rememberedEvents: Int = 4096, rememberedEventBytes: Int = 4 << 20
    ) {
        self.largestText = largestText
        self.largestMessage = largestMessage
        self.commitsPerMinute = commitsPerMinute
        self.documentsPerSet = documentsPerSet
        self.conflictsPerSet = conflictsPerSet
        self.cachedTexts = cachedTexts
        self.largestEventDelta = largestEventDelta
        self.rememberedEvents = rememberedEvents
        self.rememberedEventBytes = rememberedEventBytes
    }
}

extension HubLimits {
    /// Bytes of one delta, unpacked: a whole new text fits, and one of which every other byte was changed.
    package static func largestDelta(of text: Int) -> Int { min(text, .max >> 2) * 2 + 1024 }

    package var largestDelta: Int { Self.largestDelta(of: largestText) }
}

extension HubError {
    /// - Parameter what: with its size.
    package static func tooLarge(_ what: String, limit: Int) -> HubError {
        HubError(
            .tooLarge,
            "\(what), and this hub takes texts of \(limit) bytes; divide it, or let whoever runs the hub raise limits.text"
        )
    }
}

/// How a hub keeps its documents.
public struct HubSettings: Sendable, Hashable, Codable {
    public var limits: HubLimits
    public var rules: RuleBook
    /// A whole text is kept after so many commits; sooner when their deltas are larger than the text.
    public var commitsPerSnapshot: Int
    /// Nil: every commit is kept for ever.
    public var pruning: Pruning?
    /// How long a program of ``DocumentRules/command`` may take, in seconds.
    public var commandSeconds: Double
    /// How long a stream of events may be silent, in seconds.
    public var heartbeatSeconds: Double
    public var fairness: Fairness

    /// Which old commits are forgotten by ``DocumentHub/prune()``. A commit has to be past both bounds.
    public struct Pruning: Sendable, Hashable, Codable {
        /// Commits that are younger stay.
        public var keepDays: Double
        /// So many newest commits of a document stay.
        public var keepCommits: Int

        public init(keepDays: Double, keepCommits: Int) {
            self.keepDays = keepDays
            self.keepCommits = keepCommits
        }
    }

    /// How a client comes through whom others are always ahead of.
    public struct Fairness: Sendable, Hashable, Codable {
        /// After so many pushes in a row that came too late, the next commit of the document is the client's.
        public var latePushes: Int
        /// For how long it is waited for, in seconds.
        public var seconds: Double

        public init(latePushes: Int = 4, seconds: Double = 2) {
            self.latePushes = latePushes
            self.seconds = seconds
        }
    }

    public init(
        limits: HubLimits = HubLimits(), rules: RuleBook = RuleBook(), commitsPerSnapshot: Int = 100,
        pruning: Pruning? = nil, commandSeconds: Double = 10, heartbeatSeconds: Double = 25,
        fairness: Fairness = Fairness()
    ) {
        self.limits = limits
        self.rules = rules
        self.commitsPerSnapshot = commitsPerSnapshot
        self.pruning = pruning
        self.commandSeconds = commandSeconds
        self.heartbeatSeconds = heartbeatSeconds
        self.fairness = fairness
    }
}

/// A hub's time, so that a test can have its own.
public struct HubClock: Sendable {
    /// Microseconds since 1970.
    public var time: @Sendable () -> Int64
    /// Since some moment; it never goes back.
    public var uptime: @Sendable () -> Duration
    /// Waits; throws `CancellationError` in a cancelled task.
    public var sleep: @Sendable (Duration) async throws -> Void

    public init(
        time: @escaping @Sendable () -> Int64, uptime: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.time = time
        self.uptime = uptime
        self.sleep = sleep
    }

    private static let start = ContinuousClock.now

    /// The machine's.
    public static let system = HubClock(
        time: { Int64((Date().timeIntervalSince1970 * 1e6).rounded()) },
        uptime: { ContinuousClock.now - start },
        sleep: { try await Task.sleep(for: $0) })
}
