import Dovetail

/// PostgreSQL counts days and microseconds from 2000-01-01; canonical values count from 1970-01-01.
enum PostgresTime {
    static let epochDays: Int32 = 10_957
    static let epochMicroseconds: Int64 = 946_684_800_000_000
    /// What PostgreSQL can hold, in its own count: from 4714-11-24 BC, dates up to 5874897, times up to 294276.
    static let days: ClosedRange<Int32> = -2_451_545...2_145_031_948
    static let microseconds: Range<Int64> = -211_813_488_000_000_000..<9_223_371_331_200_000_000

    /// A day from PostgreSQL's count, with its infinities. Nil for what no server sends.
    @inline(__always)
    static func date(_ days: Int32) -> CalendarDate? {
        if days == .max || days == .min { return CalendarDate(days: days) }
        let (sum, overflow) = days.addingReportingOverflow(epochDays)
        return overflow ? nil : CalendarDate(days: sum)
    }

    /// A time from PostgreSQL's count. Nil for the last thirty years that PostgreSQL has: microseconds from 1970 do
    /// not reach them in 64 bits.
    @inline(__always)
    static func timestamp(_ microseconds: Int64) -> Timestamp? {
        if microseconds == .max || microseconds == .min { return Timestamp(microseconds: microseconds) }
        let (sum, overflow) = microseconds.addingReportingOverflow(epochMicroseconds)
        return overflow || sum == .max ? nil : Timestamp(microseconds: sum)
    }

    /// The text under which a time beyond canonical values is held, so that it is neither lost nor wrapped.
    static func farText(_ microseconds: Int64, withZone: Bool) -> String {
        let (days, rest) = microseconds.quotientAndRemainder(dividingBy: TimeOfDay.microsecondsPerDay)
        let date = CalendarDate(days: Int32(truncatingIfNeeded: days) &+ epochDays)
        let time = TimeOfDay(microseconds: rest)?.iso ?? ""
        return "\(date.iso)T\(time)\(withZone ? "Z" : "")"
    }

    /// PostgreSQL's count for what `farText` wrote; nil for every other text.
    static func far(_ text: String, withZone: Bool) -> Int64? {
        guard let separator = text.firstIndex(of: "T"), text.hasPrefix("+294") else { return nil }
        let clock = text[text.index(after: separator)...]
        guard let date = CalendarDate(iso: text[..<separator]),
            let time = TimeOfDay(iso: withZone && clock.hasSuffix("Z") ? clock.dropLast() : clock)
        else { return nil }
        let days = Int64(date.days - epochDays).multipliedReportingOverflow(by: TimeOfDay.microsecondsPerDay)
        let sum = days.partialValue.addingReportingOverflow(time.microseconds)
        guard !days.overflow, !sum.overflow, microseconds.contains(sum.partialValue),
            timestamp(sum.partialValue) == nil, farText(sum.partialValue, withZone: withZone) == text
        else { return nil }
        return sum.partialValue
    }
}
