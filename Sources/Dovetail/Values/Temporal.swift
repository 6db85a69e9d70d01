/// A time of day with no date and no zone.
public struct TimeOfDay: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Microseconds in a day, which is also the largest value: PostgreSQL has 24:00:00.
    public static let microsecondsPerDay: Int64 = 86_400_000_000

    /// Microseconds since midnight, 0…86 400 000 000.
    public let microseconds: Int64

    /// Nil outside 0…86 400 000 000.
    public init?(microseconds: Int64) {
        guard (0...Self.microsecondsPerDay).contains(microseconds) else { return nil }
        self.microseconds = microseconds
    }

    /// Reads `12:34`, `12:34:56` and `12:34:56.5` with one to six digits of fraction. Nil for anything
    /// else: more digits would be lost, and second 60 has no place in the range.
    public init?(iso text: some StringProtocol) {
        guard let time = ByteScanner.read(text, { TimeOfDay.parse(utf8: $0) }) else { return nil }
        self = time
    }

    /// The same from borrowed UTF-8, without allocating.
    public static func parse(utf8 bytes: UnsafeRawBufferPointer) -> TimeOfDay? {
        var scanner = ByteScanner(bytes)
        guard let microseconds = scan(&scanner), scanner.isAtEnd else { return nil }
        return TimeOfDay(microseconds: microseconds)
    }

    /// Reads a time where the scanner stands.
    static func scan(_ scanner: inout ByteScanner) -> Int64? {
        guard let hour = scanner.twoDigits(), scanner.take(UInt8(ascii: ":")),
            let minute = scanner.twoDigits(), minute < 60
        else { return nil }
        var microseconds = Int64(hour * 60 + minute) * 60_000_000
        if scanner.take(UInt8(ascii: ":")) {
            guard let second = scanner.twoDigits(), second < 60 else { return nil }
            microseconds += Int64(second) * 1_000_000
            if scanner.take(UInt8(ascii: ".")) {
                guard let fraction = scanner.millionths() else { return nil }
                microseconds += fraction
            }
        }
        return microseconds <= microsecondsPerDay ? microseconds : nil
    }

    /// `12:34:56`, with the shortest fraction if there is one.
    public var iso: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The same as `iso`.
    public var description: String { iso }

    func append(to bytes: inout [UInt8]) {
        let seconds = UInt64(microseconds / 1_000_000)
        bytes.appendDecimal(seconds / 3600, width: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.appendDecimal(seconds / 60 % 60, width: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.appendDecimal(seconds % 60, width: 2)
        bytes.appendMillionths(UInt64(microseconds % 1_000_000))
    }

    public static func < (left: TimeOfDay, right: TimeOfDay) -> Bool {
        left.microseconds < right.microseconds
    }
}

/// A date and time, with or without a zone. With one, it is in UTC.
public struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Microseconds since 1970-01-01T00:00:00. The lowest and highest values stand for -infinity and
    /// infinity.
    public var microseconds: Int64

    /// PostgreSQL's `-infinity`, before every instant.
    public static let distantPast = Timestamp(microseconds: .min)
    /// PostgreSQL's `infinity`, after every instant.
    public static let distantFuture = Timestamp(microseconds: .max)

    /// An instant by its distance in microseconds from 1970-01-01T00:00:00.
    public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// A time on a date; an infinite date gives the same infinity. Nil beyond about ±292 000 years.
    public init?(date: CalendarDate, time: TimeOfDay) {
        guard date.isFinite else {
            self = date == .distantPast ? .distantPast : .distantFuture
            return
        }
        self.init(days: date.days, microseconds: time.microseconds)
    }

    private init?(days: Int32, microseconds: Int64) {
        // Towards zero first, or the earliest days would overflow before the time is added back.
        let early = days < 0
        let dayLength = TimeOfDay.microsecondsPerDay
        let whole = (Int64(days) + (early ? 1 : 0)).multipliedReportingOverflow(by: dayLength)
        let rest = microseconds - (early ? dayLength : 0)
        let sum = whole.partialValue.addingReportingOverflow(rest)
        guard !whole.overflow, !sum.overflow else { return nil }
        guard sum.partialValue != .min, sum.partialValue != .max else { return nil }
        self.init(microseconds: sum.partialValue)
    }

    /// Reads a date, `T` or a space, a time with optional seconds and up to six digits of fraction, and
    /// optionally a zone: `Z`, `z`, `+HH`, `+HHMM` or `+HH:MM` up to 15:59 either way.
    ///
    /// A time with a zone comes back in UTC. `infinity` and `-infinity` are read too, without a zone.
    /// Nil for everything else, such as days the calendar lacks, 24:00 and second 60.
    public static func parse(_ text: some StringProtocol) -> (timestamp: Timestamp, hasZone: Bool)? {
        ByteScanner.read(text) { parse(utf8: $0) }
    }

    /// The same from borrowed UTF-8, without allocating.
    public static func parse(utf8 bytes: UnsafeRawBufferPointer) -> (timestamp: Timestamp, hasZone: Bool)? {
        if let common = parseCommon(bytes) { return common }
        var scanner = ByteScanner(bytes)
        guard let date = CalendarDate.scan(&scanner) else {
            if scanner.isAll("infinity") { return (.distantFuture, false) }
            if scanner.isAll("-infinity") { return (.distantPast, false) }
            return nil
        }
        guard scanner.take(UInt8(ascii: "T")) || scanner.take(UInt8(ascii: " ")) else { return nil }
        guard let time = TimeOfDay.scan(&scanner), time < TimeOfDay.microsecondsPerDay else { return nil }
        guard !scanner.isAtEnd else {
            return Timestamp(days: date.days, microseconds: time).map { ($0, false) }
        }
        guard let offset = scanZone(&scanner), scanner.isAtEnd else { return nil }
        return Timestamp(days: date.days, microseconds: time - offset).map { ($0, true) }
    }

    /// The spellings that databases write, `2024-02-29T12:34:56` and the same with `.789` and `Z`, in a third of the
    /// time; nil for every other one, and for what is no time.
    private static func parseCommon(_ bytes: UnsafeRawBufferPointer) -> (timestamp: Timestamp, hasZone: Bool)?
    {
        let count = bytes.count
        guard count == 20 || count == 24 || count == 19 || count == 23, let start = bytes.baseAddress else {
            return nil
        }
        if count == 24, let microseconds = CommonTime(wordsAt: start)?.microseconds {
            return (Timestamp(microseconds: microseconds), true)
        }
        var wrong: UInt8 = 0
        func digit(_ offset: Int) -> Int {
            let digit = start.load(fromByteOffset: offset, as: UInt8.self) &- 0x30
            wrong |= digit > 9 ? 1 : 0
            return Int(digit)
        }
        func mark(_ offset: Int) -> UInt8 { start.load(fromByteOffset: offset, as: UInt8.self) }
        let hasZone = count % 2 == 0
        let hasFraction = count > 20
        guard mark(4) == 0x2d, mark(7) == 0x2d, mark(10) == 0x54 || mark(10) == 0x20, mark(13) == 0x3a,
            mark(16) == 0x3a,
            !hasZone || mark(count - 1) == 0x5a, !hasFraction || mark(19) == 0x2e
        else { return nil }
        let time = CommonTime(
            year: digit(0) * 1000 + digit(1) * 100 + digit(2) * 10 + digit(3),
            month: digit(5) * 10 + digit(6),
            day: digit(8) * 10 + digit(9), hour: digit(11) * 10 + digit(12),
            minute: digit(14) * 10 + digit(15),
            second: digit(17) * 10 + digit(18),
            millisecond: hasFraction ? digit(20) * 100 + digit(21) * 10 + digit(22) : 0)
        guard wrong == 0, let microseconds = time.microseconds else { return nil }
        return (Timestamp(microseconds: microseconds), hasZone)
    }

    /// Microseconds east of UTC.
    private static func scanZone(_ scanner: inout ByteScanner) -> Int64? {
        if scanner.take(UInt8(ascii: "Z")) || scanner.take(UInt8(ascii: "z")) { return 0 }
        let west = scanner.take(UInt8(ascii: "-"))
        guard west || scanner.take(UInt8(ascii: "+")) else { return nil }
        guard let hours = scanner.twoDigits(), hours <= 15 else { return nil }
        var minutes = hours * 60
        if !scanner.isAtEnd {
            _ = scanner.take(UInt8(ascii: ":"))
            guard let extra = scanner.twoDigits(), extra < 60 else { return nil }
            minutes += extra
        }
        return Int64(west ? -minutes : minutes) * 60_000_000
    }

    /// True for every instant but the two infinities.
    public var isFinite: Bool { microseconds != .min && microseconds != .max }

    /// The day; an infinity gives the same infinity.
    public var date: CalendarDate {
        guard isFinite else { return microseconds == .min ? .distantPast : .distantFuture }
        return CalendarDate(days: Int32(truncatingIfNeeded: split.days))
    }

    private var split: (days: Int64, rest: Int64) {
        let (days, rest) = microseconds.quotientAndRemainder(dividingBy: TimeOfDay.microsecondsPerDay)
        return rest < 0 ? (days - 1, rest + TimeOfDay.microsecondsPerDay) : (days, rest)
    }

    /// `2024-02-29T12:34:56.789`, or `-infinity`, `infinity`.
    public var iso: String { iso(zone: false) }

    /// The same with `Z` after it; the infinities have no zone.
    public var isoZ: String { iso(zone: true) }

    /// The same as `iso`.
    public var description: String { iso }

    private func iso(zone: Bool) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        date.append(to: &bytes)
        if isFinite, let time = TimeOfDay(microseconds: split.rest) {
            bytes.append(UInt8(ascii: "T"))
            time.append(to: &bytes)
            if zone { bytes.append(UInt8(ascii: "Z")) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }
}
