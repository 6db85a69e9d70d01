/// A day of the proleptic Gregorian calendar, with astronomical years: year 0 is 1 BC.
public struct CalendarDate: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Days since 1970-01-01. The lowest and highest values stand for -infinity and infinity.
    public var days: Int32

    /// PostgreSQL's `-infinity`, before every day.
    public static let distantPast = CalendarDate(days: .min)
    /// PostgreSQL's `infinity`, after every day.
    public static let distantFuture = CalendarDate(days: .max)

    /// A day by its distance in days from 1970-01-01.
    public init(days: Int32) {
        self.days = days
    }

    /// Nil if the calendar has no such day or it lies beyond about ±5.8 million years.
    public init?(year: Int, month: Int, day: Int) {
        guard (-6_000_000...6_000_000).contains(year), (1...12).contains(month), day >= 1,
            day <= Self.length(ofMonth: month, year: year)
        else { return nil }
        // Years start in March here, which puts the leap day last; 400 of them are 146 097 days.
        let marchYear = month > 2 ? year : year - 1
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        guard let days = Int32(exactly: era * 146_097 + dayOfEra - 719_468), days > .min, days < .max
        else { return nil }
        self.days = days
    }

    /// Reads exactly what `iso` writes, and nothing else.
    public init?(iso text: some StringProtocol) {
        guard let date = ByteScanner.read(text, { CalendarDate.parse(utf8: $0) }) else { return nil }
        self = date
    }

    /// The same from borrowed UTF-8, without allocating.
    public static func parse(utf8 bytes: UnsafeRawBufferPointer) -> CalendarDate? {
        var scanner = ByteScanner(bytes)
        if scanner.isAll("infinity") { return .distantFuture }
        if scanner.isAll("-infinity") { return .distantPast }
        guard let date = scan(&scanner), scanner.isAtEnd else { return nil }
        return date
    }

    /// Reads a finite date where the scanner stands.
    static func scan(_ scanner: inout ByteScanner) -> CalendarDate? {
        guard let year = scanYear(&scanner), scanner.take(UInt8(ascii: "-")),
            let month = scanner.twoDigits(), scanner.take(UInt8(ascii: "-")),
            let day = scanner.twoDigits()
        else { return nil }
        return CalendarDate(year: year, month: month, day: day)
    }

    private static func scanYear(_ scanner: inout ByteScanner) -> Int? {
        let negative = scanner.take(UInt8(ascii: "-"))
        guard negative || scanner.take(UInt8(ascii: "+")) else {
            guard let century = scanner.twoDigits(), let rest = scanner.twoDigits() else { return nil }
            return century * 100 + rest
        }
        let padded = scanner.next == UInt8(ascii: "0")
        guard let (value, count) = scanner.digits(), count >= 5 else { return nil }
        // One spelling for each year: a sign only where four digits would not do.
        guard !padded || count == 5, value >= (negative ? 1 : 10_000) else { return nil }
        return negative ? -Int(value) : Int(value)
    }

    private static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// True for every day but the two infinities.
    public var isFinite: Bool { days != .min && days != .max }

    /// Year, month 1…12 and day 1…31. Of no meaning for the infinities.
    public var components: (year: Int, month: Int, day: Int) {
        let shifted = Int(days) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    /// `2024-02-29`; years outside 0000…9999 with a sign and at least five digits; the infinities as
    /// `-infinity` and `infinity`.
    public var iso: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The same as `iso`.
    public var description: String { iso }

    func append(to bytes: inout [UInt8]) {
        guard isFinite else {
            bytes.append(contentsOf: (days == .min ? "-infinity" : "infinity").utf8)
            return
        }
        let (year, month, day) = components
        let plain = (0...9999).contains(year)
        if !plain { bytes.append(year < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")) }
        bytes.appendDecimal(UInt64(year.magnitude), width: plain ? 4 : 5)
        bytes.append(UInt8(ascii: "-"))
        bytes.appendDecimal(UInt64(month), width: 2)
        bytes.append(UInt8(ascii: "-"))
        bytes.appendDecimal(UInt64(day), width: 2)
    }

    public static func < (left: CalendarDate, right: CalendarDate) -> Bool {
        left.days < right.days
    }
}
