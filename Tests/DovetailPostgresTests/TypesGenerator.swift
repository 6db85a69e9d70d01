import Dovetail

@testable import DovetailPostgres

/// Random values of each type, full of edges; the same ones in every run.
struct TypesGenerator: RandomNumberGenerator {
    private var state: UInt64
    /// Whether a numeric may be infinite: from PostgreSQL 14 on.
    private let hasInfiniteNumbers: Bool

    init(seed: UInt64, _ server: ServerFacts? = nil) {
        state = seed
        hasInfiniteNumbers = (server?.version ?? .max) >= 140_000
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }

    private mutating func chance(_ outOf: Int) -> Bool { Int.random(in: 0..<outOf, using: &self) == 0 }

    private mutating func number(_ range: ClosedRange<Int64>) -> Int64 {
        if chance(20) { return [range.lowerBound, range.upperBound, 0, 1].randomElement(using: &self) ?? 0 }
        // All sizes alike.
        let magnitude = Int64(truncatingIfNeeded: next()) >> Int64.random(in: 0..<63, using: &self)
        return range.contains(magnitude) ? magnitude : Int64.random(in: range, using: &self)
    }

    mutating func int(_ range: ClosedRange<Int64> = .min ... .max) -> Value { .int(number(range)) }

    mutating func double() -> Value {
        if chance(20) {
            let edges = [
                0, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1, -0.1,
            ]
            return .double(edges.randomElement(using: &self) ?? 0)
        }
        return chance(2)
            ? .double(Double(bitPattern: next())) : .double(Double(number(-1_000_000...1_000_000)) / 100)
    }

    mutating func float() -> Value {
        chance(2)
            ? .double(Double(Float(bitPattern: UInt32(truncatingIfNeeded: next()))))
            : .double(Double(number(-100_000...100_000)) / 8)
    }

    mutating func decimal(special: Bool = true) -> Value {
        if special, chance(30) {
            let edges: [ExactDecimal] =
                hasInfiniteNumbers ? [.nan, .infinity, .negativeInfinity, .zero] : [.nan, .zero]
            return .decimal(edges.randomElement(using: &self) ?? .zero)
        }
        var text = chance(2) ? "-" : ""
        text += digits(1...(chance(10) ? 60 : 12))
        if chance(2) { text += "." + digits(1...(chance(10) ? 40 : 6)) }
        if chance(5) { text += "e\(Int.random(in: -30...30, using: &self))" }
        return ExactDecimal(text).map { .decimal($0) } ?? .null
    }

    private mutating func digits(_ count: ClosedRange<Int>) -> String {
        let length = Int.random(in: count, using: &self)
        // Runs of zeros are where digits to the base 10 000 go wrong.
        return (0..<length).map { _ in chance(2) ? "0" : String(Int.random(in: 0...9, using: &self)) }
            .joined()
    }

    private static let letters: [Unicode.Scalar] = [
        "a", "b", "A", "B", "z", " ", "é", "\u{301}", "ß", "ø", "😀", "\u{7f}", "\t", "\n", "'", "\"", "\\",
        "{", "}",
        ",", "0", "9", "\u{1}", "\u{80}", "\u{ffff}", "\u{10ffff}", "Ǆ", "%", "_",
    ]

    mutating func string(_ letters: [Unicode.Scalar] = letters) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...12, using: &self) {
            if let letter = letters.randomElement(using: &self) { text.append(letter) }
        }
        return String(text)
    }

    mutating func text() -> Value { .text(string()) }

    mutating func bytes() -> Value {
        .bytes(
            (0..<Int.random(in: 0...20, using: &self)).map { _ in
                chance(3) ? 0 : UInt8(truncatingIfNeeded: next())
            })
    }

    mutating func date() -> Value {
        if chance(20) { return .date(chance(2) ? .distantPast : .distantFuture) }
        let range: ClosedRange<Int32> = chance(4) ? -2_440_588...2_145_042_905 : -20_000...40_000
        return .date(CalendarDate(days: Int32.random(in: range, using: &self)))
    }

    mutating func time() -> Value {
        let microseconds = number(0...TimeOfDay.microsecondsPerDay)
        return TimeOfDay(microseconds: microseconds).map { .time($0) } ?? .null
    }

    mutating func moment() -> Timestamp {
        if chance(20) { return chance(2) ? .distantPast : .distantFuture }
        let range: ClosedRange<Int64> =
            chance(4) ? -210_866_803_200_000_000...(Int64.max - 1) : 0...2_000_000_000_000_000
        return Timestamp(microseconds: Int64.random(in: range, using: &self))
    }

    mutating func interval() -> Value {
        .interval(
            CalendarInterval(
                months: Int32(number(-2_000_000_000...2_000_000_000)),
                days: Int32(number(-2_000_000_000...2_000_000_000)), microseconds: number(-.max ... .max)))
    }

    mutating func uuid() -> Value { .uuid(UUID128(high: next(), low: next())) }

    mutating func json(depth: Int = 0) -> String {
        switch Int.random(in: 0...(depth < 3 ? 6 : 4), using: &self) {
        case 0: return "null"
        case 1: return chance(2) ? "true" : "false"
        case 2, 3:
            guard case .decimal(let number) = decimal(special: false) else { return "0" }
            return number.text
        case 4: return quoted(string())
        case 5:
            let items = (0..<Int.random(in: 0...3, using: &self)).map { _ in json(depth: depth + 1) }
            return "[\(items.joined(separator: ","))]"
        default:
            let items = (0..<Int.random(in: 0...3, using: &self)).map { _ in
                "\(quoted(string())):\(json(depth: depth + 1))"
            }
            return "{\(items.joined(separator: ","))}"
        }
    }

    private func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Lists of up to three dimensions, with nulls.
    mutating func list(_ element: (inout TypesGenerator) -> Value) -> Value {
        let dimensions = chance(3) ? Int.random(in: 2...3, using: &self) : 1
        let lengths = (0..<dimensions).map { _ in Int.random(in: 1...3, using: &self) }
        if chance(8) { return .list([]) }
        return list(lengths[...], element)
    }

    private mutating func list(_ lengths: ArraySlice<Int>, _ element: (inout TypesGenerator) -> Value)
        -> Value
    {
        guard let length = lengths.first else { return chance(5) ? .null : element(&self) }
        return .list((0..<length).map { _ in list(lengths.dropFirst(), element) })
    }

    mutating func many(_ count: Int, _ make: (inout TypesGenerator) -> Value) -> [Value] {
        (0..<count).map { _ in chance(50) ? .null : make(&self) }
    }
}
