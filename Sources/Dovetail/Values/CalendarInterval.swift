/// A span of months, days and time. The three are kept apart because a month has no fixed number of
/// days and a day no fixed number of hours; `P1D` and `PT24H` are different values.
public struct CalendarInterval: Sendable, Hashable, CustomStringConvertible {
    /// Months, years counted as twelve.
    public var months: Int32
    /// Days.
    public var days: Int32
    /// Microseconds, from which hours, minutes and seconds are taken.
    public var microseconds: Int64

    /// PostgreSQL 17's `-infinity`.
    public static let distantPast = CalendarInterval(months: .min, days: .min, microseconds: .min)
    /// PostgreSQL 17's `infinity`.
    public static let distantFuture = CalendarInterval(months: .max, days: .max, microseconds: .max)

    /// Any mixture of signs is a value.
    public init(months: Int32, days: Int32, microseconds: Int64) {
        self.months = months
        self.days = days
        self.microseconds = microseconds
    }

    /// Reads ISO 8601 such as `P1Y2M3DT4H5M6.7S`: each part at most once and in this order, each with
    /// its own sign, a fraction of one to six digits on the seconds alone.
    ///
    /// Also `infinity` and `-infinity`. Nil for anything else, and for parts whose sum does not fit.
    public init?(iso text: some StringProtocol) {
        guard let interval = ByteScanner.read(text, { CalendarInterval.parse(utf8: $0) }) else { return nil }
        self = interval
    }

    /// The same from borrowed UTF-8, without allocating.
    public static func parse(utf8 bytes: UnsafeRawBufferPointer) -> CalendarInterval? {
        var scanner = ByteScanner(bytes)
        if scanner.isAll("infinity") { return .distantFuture }
        if scanner.isAll("-infinity") { return .distantPast }
        guard scanner.take(UInt8(ascii: "P")) else { return nil }
        var total = Total()
        var inTime = false
        var lastRank = -1
        while !scanner.isAtEnd {
            if scanner.take(UInt8(ascii: "T")) {
                // A T must have a time after it.
                guard !inTime, !scanner.isAtEnd else { return nil }
                inTime = true
                continue
            }
            guard let rank = total.scanPart(&scanner, inTime: inTime), rank > lastRank else { return nil }
            lastRank = rank
        }
        guard lastRank >= 0, let months = Int32(exactly: total.months), let days = Int32(exactly: total.days)
        else { return nil }
        return CalendarInterval(months: months, days: days, microseconds: total.microseconds)
    }

    private struct Total {
        var months: Int64 = 0
        var days: Int64 = 0
        var microseconds: Int64 = 0

        /// One number and its unit; returns the unit's place in the order.
        mutating func scanPart(_ scanner: inout ByteScanner, inTime: Bool) -> Int? {
            let negative = scanner.take(UInt8(ascii: "-"))
            guard let (value, _) = scanner.digits() else { return nil }
            var fraction: Int64 = 0
            var hasFraction = false
            if scanner.take(UInt8(ascii: ".")) {
                guard let millionths = scanner.millionths() else { return nil }
                (fraction, hasFraction) = (millionths, true)
            }
            let unit = scanner.next
            scanner.position += 1
            let sign: Int64 = negative ? -1 : 1
            let amount = sign * value
            if inTime, unit == UInt8(ascii: "S") {
                return Self.add(amount, times: 1_000_000, plus: sign * fraction, to: &microseconds) ? 5 : nil
            }
            guard !hasFraction else { return nil }
            let added: Bool
            let rank: Int
            switch (inTime, unit) {
            case (false, UInt8(ascii: "Y")):
                (added, rank) = (Self.add(amount, times: 12, to: &months), 0)
            case (false, UInt8(ascii: "M")):
                (added, rank) = (Self.add(amount, times: 1, to: &months), 1)
            case (false, UInt8(ascii: "D")):
                (added, rank) = (Self.add(amount, times: 1, to: &days), 2)
            case (true, UInt8(ascii: "H")):
                (added, rank) = (Self.add(amount, times: 3_600_000_000, to: &microseconds), 3)
            case (true, UInt8(ascii: "M")):
                (added, rank) = (Self.add(amount, times: 60_000_000, to: &microseconds), 4)
            default:
                return nil
            }
            return added ? rank : nil
        }

        private static func add(
            _ amount: Int64, times unit: Int64, plus extra: Int64 = 0, to total: inout Int64
        ) -> Bool {
            let product = amount.multipliedReportingOverflow(by: unit)
            let sum = total.addingReportingOverflow(product.partialValue)
            let all = sum.partialValue.addingReportingOverflow(extra)
            total = all.partialValue
            return !product.overflow && !sum.overflow && !all.overflow
        }
    }

    /// The canonical ISO 8601 text: `P1Y2M3DT4H5M6.7S`, parts that are zero left out, `PT0S` for none,
    /// a sign on each part that is negative.
    public var iso: String {
        if self == .distantPast { return "-infinity" }
        if self == .distantFuture { return "infinity" }
        var bytes: [UInt8] = [UInt8(ascii: "P")]
        func append(_ magnitude: UInt64, _ negative: Bool, _ unit: UInt8, millionths: UInt64 = 0) {
            guard magnitude > 0 || millionths > 0 else { return }
            if negative { bytes.append(UInt8(ascii: "-")) }
            bytes.appendDecimal(magnitude)
            bytes.appendMillionths(millionths)
            bytes.append(unit)
        }
        append(UInt64(months.magnitude / 12), months < 0, UInt8(ascii: "Y"))
        append(UInt64(months.magnitude % 12), months < 0, UInt8(ascii: "M"))
        append(UInt64(days.magnitude), days < 0, UInt8(ascii: "D"))
        if microseconds != 0 {
            let negative = microseconds < 0
            let seconds = microseconds.magnitude / 1_000_000
            bytes.append(UInt8(ascii: "T"))
            append(seconds / 3600, negative, UInt8(ascii: "H"))
            append(seconds / 60 % 60, negative, UInt8(ascii: "M"))
            append(seconds % 60, negative, UInt8(ascii: "S"), millionths: microseconds.magnitude % 1_000_000)
        }
        return bytes.count == 1 ? "PT0S" : String(decoding: bytes, as: UTF8.self)
    }

    /// The same as `iso`.
    public var description: String { iso }
}
