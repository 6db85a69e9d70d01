/// What a hub's server bears.
public struct ServerLimits: Sendable, Hashable {
    /// Bytes of a text at most; of a push a little more, and of a conflict, which has three texts, four times as many.
    public var largestText: Int
    /// Bytes of all requests that are being read at once; one of the largest is always let in when there is no other.
    public var bytesInFlight: Int
    /// Connections at once; further ones wait.
    public var connections: Int
    /// Requests of one token: so many a second on average, and so many at once.
    public var rate: Rate
    /// The same for requests of one machine that come without a valid token.
    public var strangers: Rate
    /// After which time without a word idle clients get a sign of life.
    public var heartbeat: Duration
    /// How often it is seen whether the tokens of those who wait for news are still good, beside each time that there are some.
    public var trust: Duration
    /// How long a client may not take anything of what it was sent.
    public var slowness: Duration
    /// How long a request may take to arrive.
    public var arrival: Duration
    /// How long a connection stays open between requests.
    public var idleness: Duration

    /// Requests by their number.
    public struct Rate: Sendable, Hashable {
        public var perSecond: Double
        public var burst: Double

        public init(perSecond: Double, burst: Double) {
            self.perSecond = perSecond
            self.burst = burst
        }
    }

    public init(
        largestText: Int = 64 << 20, bytesInFlight: Int = 256 << 20, connections: Int = 8_192,
        rate: Rate = Rate(perSecond: 100, burst: 1_000), strangers: Rate = Rate(perSecond: 2, burst: 60),
        heartbeat: Duration = .seconds(28), trust: Duration = .seconds(1), slowness: Duration = .seconds(30),
        arrival: Duration = .seconds(120),
        idleness: Duration = .seconds(180)
    ) {
        self.largestText = largestText
        self.bytesInFlight = bytesInFlight
        self.connections = connections
        self.rate = rate
        self.strangers = strangers
        self.heartbeat = heartbeat
        self.trust = trust
        self.slowness = slowness
        self.arrival = arrival
        self.idleness = idleness
    }

    /// Bytes of a push at most. It is packed, so that what it makes is another matter.
    var largestPush: Int { min(largestText, .max >> 4) + (1 << 16) }
    /// Bytes of a conflict at most: base 64 takes four bytes for three.
    var largestConflict: Int { min(largestText, .max >> 4) * 4 + (1 << 16) }
}
