import Testing

@testable import Dovetail

@Suite("Dates, times and identifiers")
struct TemporalTests {
    @Test(
        "known days have their numbers",
        arguments: [
            ("1970-01-01", 0), ("2024-02-29", 19782), ("2000-03-01", 11017), ("1969-12-31", -1),
            ("0000-03-01", -719_468),
            ("-00001-12-31", -719_529), ("+10000-01-01", 2_932_897),
        ])
    func knownDays(iso: String, days: Int32) {
        #expect(CalendarDate(iso: iso)?.days == days)
        #expect(CalendarDate(days: days).iso == iso)
    }

    @Test("every date reads back from its text")
    func datesReadBack() {
        var generator = ValueGenerator(seed: 10)
        var all: [Int32] = [.min, .max, .min + 1, .max - 1]
        for _ in 0..<3000 {
            all.append(Int32(truncatingIfNeeded: generator.next()) >> Int32(generator.int(0...16)))
        }
        for days in all {
            let date = CalendarDate(days: days)
            #expect(CalendarDate(iso: date.iso) == date, "\(date)")
            guard date.isFinite else { continue }
            let parts = date.components
            #expect(CalendarDate(year: parts.year, month: parts.month, day: parts.day) == date)
        }
    }

    @Test("days follow each other through four centuries")
    func consecutiveDays() {
        var expected = (year: 1599, month: 12, day: 31)
        for days in Int32(-135_140)...Int32(11_000) {
            let parts = CalendarDate(days: days).components
            let next = parts.day == expected.day + 1 || parts.day == 1 && expected.day >= 28
            #expect(next)
            expected = parts
        }
        #expect(expected == (2000, 2, 13))
    }

    @Test(
        "other spellings and days that do not exist are refused",
        arguments: [
            "", "2024-2-29", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-01-00",
            "2024-04-31",
            "+2024-01-01", "+02024-01-01", "-00000-01-01", "-0001-01-01", "+010000-01-01", "10000-01-01",
            " 2024-01-01",
            "2024-01-01 ", "2024/01/01", "Infinity", "-Infinity", "+infinity", "+99999999999999999999-01-01",
            "+6000001-01-01", "+5900000-01-01", "2024-01-01T00:00", "20240101",
        ])
    func refusedDates(text: String) {
        #expect(CalendarDate(iso: text) == nil)
    }

    @Test("every time of day reads back from its text")
    func timesReadBack() throws {
        var generator = ValueGenerator(seed: 11)
        var all: [Int64] = [0, 86_400_000_000, 86_399_999_999, 1, 500_000]
        for _ in 0..<1000 { all.append(Int64(generator.int(0...86_400_000_000))) }
        for microseconds in all {
            let time = try #require(TimeOfDay(microseconds: microseconds))
            #expect(TimeOfDay(iso: time.iso) == time)
        }
        #expect(TimeOfDay(microseconds: -1) == nil)
        #expect(TimeOfDay(microseconds: 86_400_000_001) == nil)
        #expect(TimeOfDay(iso: "12:34")?.iso == "12:34:00")
        #expect(TimeOfDay(iso: "12:34:56.500")?.iso == "12:34:56.5")
        #expect(TimeOfDay(iso: "24:00:00.0")?.iso == "24:00:00")
    }

    @Test(
        "times outside the day and loose spellings are refused",
        arguments: [
            "", "1:00", "12", "12:60", "12:00:60", "24:00:00.000001", "24:01", "25:00", "12:00:00.",
            "12:00:00.1234567",
            "12:00.5", "12:00:", "12:00:00Z", "-1:00", "12:00:00,5",
        ])
    func refusedTimes(text: String) {
        #expect(TimeOfDay(iso: text) == nil)
    }

    @Test("every timestamp reads back from its text, with and without a zone")
    func timestampsReadBack() throws {
        var generator = ValueGenerator(seed: 12)
        var all: [Int64] = [.min, .max, .min + 1, .max - 1, 0, -1, 1]
        for _ in 0..<3000 {
            all.append(Int64(truncatingIfNeeded: generator.next()) >> Int64(generator.int(0...40)))
        }
        for microseconds in all {
            let timestamp = Timestamp(microseconds: microseconds)
            let plain = try #require(Timestamp.parse(timestamp.iso), "\(timestamp)")
            #expect(plain == (timestamp, false))
            let zoned = try #require(Timestamp.parse(timestamp.isoZ))
            #expect(zoned == (timestamp, timestamp.isFinite))
        }
    }

    @Test(
        "zones are taken off",
        arguments: [
            ("2024-02-29T12:34:56.789", "2024-02-29T12:34:56.789", false),
            ("2024-02-29 12:34", "2024-02-29T12:34:00", false),
            ("2024-02-29 23:30:00-01", "2024-03-01T00:30:00", true),
            ("2024-03-01T00:15+0530", "2024-02-29T18:45:00", true),
            ("2024-03-01T00:15:00z", "2024-03-01T00:15:00", true),
            ("2024-03-01T00:15:00+15:59", "2024-02-29T08:16:00", true),
            ("-00044-03-15T12:00:00Z", "-00044-03-15T12:00:00", true),
        ])
    func zones(text: String, iso: String, hasZone: Bool) throws {
        let (timestamp, zoned) = try #require(Timestamp.parse(text))
        #expect(timestamp.iso == iso)
        #expect(zoned == hasZone)
    }

    @Test(
        "timestamps that are no instant are refused",
        arguments: [
            "", "2024-02-29", "2024-02-30T00:00:00", "2024-02-29T24:00:00", "2024-02-29T12:00:60Z",
            "2024-02-29t12:00",
            "2024-02-29T12:00:00 Z", "2024-02-29T12:00:00+1", "2024-02-29T12:00:00+16",
            "2024-02-29T12:00:00+01:60",
            "2024-02-29T12:00:00+01:", "2024-02-29T12:00:00+010", "2024-02-29T12:00:00.1234567",
            "2024-02-29  12:00",
            "2024-02-29T12:00:00+01:00:00", "+300000-01-01T00:00:00", "-300000-01-01T00:00:00", "infinityZ",
            "2024-02-29T12:00:00Zjunk",
        ])
    func refusedTimestamps(text: String) {
        #expect(Timestamp.parse(text) == nil)
    }

    @Test("a timestamp is made of a date and a time")
    func timestampParts() throws {
        let date = try #require(CalendarDate(year: 2024, month: 2, day: 29))
        let time = try #require(TimeOfDay(iso: "24:00"))
        #expect(Timestamp(date: date, time: time)?.iso == "2024-03-01T00:00:00")
        #expect(Timestamp(date: .distantFuture, time: time) == .distantFuture)
        #expect(Timestamp(microseconds: -1).date.iso == "1969-12-31")
    }

    @Test("every interval reads back from its text")
    func intervalsReadBack() {
        var generator = ValueGenerator(seed: 13)
        for _ in 0..<3000 {
            let interval = CalendarInterval(
                months: Int32(truncatingIfNeeded: generator.next()) >> Int32(generator.int(0...31)),
                days: Int32(truncatingIfNeeded: generator.next()) >> Int32(generator.int(0...31)),
                microseconds: Int64(truncatingIfNeeded: generator.next()) >> Int64(generator.int(0...63)))
            #expect(CalendarInterval(iso: interval.iso) == interval, "\(interval)")
        }
        for interval in [
            .distantPast, .distantFuture, CalendarInterval(months: .min, days: .min, microseconds: .min + 1),
            CalendarInterval(months: 0, days: 0, microseconds: .min),
        ] {
            #expect(CalendarInterval(iso: interval.iso) == interval)
        }
    }

    @Test(
        "intervals have one text",
        arguments: [
            ("P1Y2M3DT4H5M6.7S", "P1Y2M3DT4H5M6.7S"), ("PT0S", "PT0S"), ("P0D", "PT0S"), ("P14M", "P1Y2M"),
            ("PT90M", "PT1H30M"), ("P-1Y", "P-1Y"), ("P1Y-2M", "P10M"), ("PT-0.5S", "PT-0.5S"),
            ("PT1M-1S", "PT59S"),
            ("P1D", "P1D"), ("PT24H", "PT24H"),
        ])
    func intervalText(text: String, canonical: String) {
        #expect(CalendarInterval(iso: text)?.iso == canonical)
    }

    @Test(
        "what is not an interval is refused",
        arguments: [
            "", "P", "PT", "P1", "1D", "P1DT", "P1D1Y", "P1S", "PT1D", "P1M1M", "P1.5D", "PT1.S",
            "PT1.1234567S",
            "P99999999999D", "PT9999999999999H", "P1DT1H ", "p1d", "P--1D", "PT1HT1M", "P+1D",
            "P1000000000000000000D",
        ])
    func refusedIntervals(text: String) {
        #expect(CalendarInterval(iso: text) == nil)
    }

    @Test("identifiers read back, order as bytes and allow no other spelling")
    func identifiers() throws {
        var generator = ValueGenerator(seed: 14)
        for _ in 0..<500 {
            let (left, right) = (
                UUID128(high: generator.next(), low: generator.next()),
                UUID128(high: generator.next(), low: generator.next())
            )
            #expect(UUID128(left.text) == left)
            #expect(UUID128(left.text.uppercased()) == left)
            #expect((left < right) == (left.text < right.text))
        }
        let text = "00112233-4455-6677-8899-aabbccddeeff"
        let known = try #require(UUID128(text))
        #expect(known.high == 0x0011_2233_4455_6677 && known.low == 0x8899_AABB_CCDD_EEFF)
        for bad in [
            "", "{\(text)}", text + "0", String(text.dropLast()), "00112233445566778899aabbccddeeff",
            "0011223-34455-6677-8899-aabbccddeeff", "g0112233-4455-6677-8899-aabbccddeeff",
        ] {
            #expect(UUID128(bad) == nil)
        }
    }
}
