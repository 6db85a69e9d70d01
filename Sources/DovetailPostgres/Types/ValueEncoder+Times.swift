import Dovetail

extension ValueEncoder {
    func append(date: CalendarDate, to bytes: inout [UInt8]) throws(UnstorableValue) {
        guard date.isFinite else {
            bytes.append(bigEndian: date.days)
            return
        }
        let (days, overflow) = date.days.subtractingReportingOverflow(PostgresTime.epochDays)
        guard !overflow, PostgresTime.days.contains(days) else {
            throw refusal("\(date.iso) is out of its range -4713-11-24…+5874897-12-31")
        }
        bytes.append(bigEndian: days)
    }

    func append(timestamp: Timestamp, _ value: Value, to bytes: inout [UInt8]) throws(UnstorableValue) {
        guard timestamp.isFinite else {
            bytes.append(bigEndian: timestamp.microseconds)
            return
        }
        let (microseconds, overflow) = timestamp.microseconds.subtractingReportingOverflow(
            PostgresTime.epochMicroseconds)
        guard !overflow, PostgresTime.microseconds.contains(microseconds) else {
            throw refusal("\(value.words) is out of its range, which begins at -4713-11-24")
        }
        try checkPrecision(timestamp.microseconds, value)
        bytes.append(bigEndian: microseconds)
    }

    /// Refuses what a precision such as `timestamp(0)` would round.
    func checkPrecision(_ microseconds: Int64, _ value: Value) throws(UnstorableValue) {
        guard (0..<6).contains(form.modifier) else { return }
        guard microseconds % Self.unit(decimals: form.modifier) == 0 else {
            throw refusal("it would round \(value.words)")
        }
    }

    private static func unit(decimals: Int32) -> Int64 {
        (decimals..<6).reduce(1) { unit, _ in unit * 10 }
    }

    func append(interval: CalendarInterval, to bytes: inout [UInt8]) throws(UnstorableValue) {
        if interval == .distantPast || interval == .distantFuture {
            guard plan.server.hasInfiniteIntervals else {
                throw refusal("PostgreSQL before 17 has no interval \(interval.iso)")
            }
        } else {
            guard Self.rounded(interval, modifier: form.modifier) == interval else {
                throw refusal("it would cut off a part of \(interval.iso)")
            }
        }
        bytes.append(bigEndian: interval.microseconds)
        bytes.append(bigEndian: interval.days)
        bytes.append(bigEndian: interval.months)
    }

    /// What PostgreSQL makes of an interval in a column such as `interval day to minute` or `interval(0)`.
    private static func rounded(_ interval: CalendarInterval, modifier: Int32) -> CalendarInterval {
        guard modifier >= 0 else { return interval }
        var kept = interval
        // A bit for each field that the column has.
        let fields = modifier >> 16 & 0x7fff
        let (month, day, hour, minute, second): (Int32, Int32, Int32, Int32, Int32) = (2, 8, 1024, 2048, 4096)
        if fields != 0x7fff {
            if fields & (day | hour | minute | second) == 0 { kept.days = 0 }
            if fields & (hour | minute | second) == 0 { kept.microseconds = 0 }
            if fields & (month | day | hour | minute | second) == 0 { kept.months -= kept.months % 12 }
            if fields & second == 0 { kept.microseconds -= kept.microseconds % 60_000_000 }
            if fields & (minute | second) == 0 { kept.microseconds -= kept.microseconds % 3_600_000_000 }
        }
        let decimals = modifier & 0xffff
        if decimals < 6 { kept.microseconds -= kept.microseconds % unit(decimals: decimals) }
        return kept
    }
}
