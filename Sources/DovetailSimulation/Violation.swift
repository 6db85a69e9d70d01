/// A law that did not hold.
public struct Violation: Sendable, Hashable, CustomStringConvertible {
    public enum Law: String, Sendable, Hashable {
        case nothingIsLost = "1 nothing is lost"
        case asItWasOrShallBe = "2 as it was or as it should finally be"
        case noDuplicates = "2 no duplicates"
        case completes = "2 it completes"
        case noSurprise = "3 no surprise"
        case baseIsProven = "3 the base says only what was proven"
        case quiet = "4 quiet when nothing changed"
        case mirror = "5 mirror"
        case brakes = "6 brakes"
        case oneBadRecord = "7 one bad record holds up nobody"
        case convergence = "8 both sides agree in the end"
        case noFailure = "a run without faults does not fail"
    }

    public var law: Law
    public var what: String

    public var description: String { "\(law.rawValue): \(what)" }
}

/// What a simulation exercised, by name.
public struct Tally: Sendable {
    public private(set) var counts: [String: Int] = [:]

    public init() {}

    mutating func add(_ name: String, _ count: Int = 1) {
        if count != 0 { counts[name, default: 0] += count }
    }

    public mutating func add(_ other: Tally) { counts.merge(other.counts) { $0 + $1 } }

    public var lines: [String] { counts.keys.sorted().map { "\($0): \(counts[$0] ?? 0)" } }
}

/// What came of one seed.
public struct Outcome: Sendable {
    public var seed: UInt64
    public var shape: String
    public var steps: [Step]
    public var violations: [Violation]
    public var story: [String]
    public var tally: Tally

    /// Everything a person needs to follow a failure.
    public var report: String {
        var lines = ["seed \(seed): \(shape)"] + steps.map { "  step \($0)" }
        lines += story.map { "  \($0)" }
        lines += violations.prefix(3).map { "  BROKEN \($0)" }
        return lines.joined(separator: "\n")
    }
}
