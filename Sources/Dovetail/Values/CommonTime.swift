/// A time as databases write it, in its parts. Most timestamps of a table are read through this, a million a second
/// and more.
struct CommonTime {
    let year, month, day, hour, minute, second, millisecond: Int

    init(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int, millisecond: Int) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
        self.millisecond = millisecond
    }

    /// Reads 24 bytes `2024-02-29T12:34:56.789Z` as three words, eight characters at a time; nil for anything else.
    @inline(__always)
    init?(wordsAt start: UnsafeRawPointer) {
        let date = start.loadUnaligned(as: UInt64.self).littleEndian
        let middle = start.loadUnaligned(fromByteOffset: 8, as: UInt64.self).littleEndian
        let rest = start.loadUnaligned(fromByteOffset: 16, as: UInt64.self).littleEndian
        guard date & 0xff00_00ff_0000_0000 == 0x2d00_002d_0000_0000,
            middle & 0x0000_ff00_00ff_0000 == 0x0000_3a00_0054_0000,
            rest & 0xff00_0000_ff00_00ff == 0x5a00_0000_2e00_003a,
            let a = Self.digits(date & 0x00ff_ff00_ffff_ffff | 0x3000_0030_0000_0000),
            let b = Self.digits(middle & 0xffff_00ff_ff00_ffff | 0x0000_3000_0030_0000),
            let c = Self.digits(rest & 0x00ff_ffff_00ff_ff00 | 0x3000_0000_3000_0030)
        else { return nil }
        func digit(_ word: UInt64, _ index: UInt64) -> Int { Int(word >> (8 * index) & 0xf) }
        self.init(
            year: digit(a, 0) * 1000 + digit(a, 1) * 100 + digit(a, 2) * 10 + digit(a, 3),
            month: digit(a, 5) * 10 + digit(a, 6), day: digit(b, 0) * 10 + digit(b, 1),
            hour: digit(b, 3) * 10 + digit(b, 4), minute: digit(b, 6) * 10 + digit(b, 7),
            second: digit(c, 1) * 10 + digit(c, 2),
            millisecond: digit(c, 4) * 100 + digit(c, 5) * 10 + digit(c, 6))
    }

    /// The values of eight digits, a byte each; nil when one is no digit.
    @inline(__always)
    private static func digits(_ characters: UInt64) -> UInt64? {
        let values = characters ^ 0x3030_3030_3030_3030
        // Adding six carries everything above nine into the upper half of its byte.
        return (values | values &+ 0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0 == 0 ? values : nil
    }

    /// Microseconds since 1970; nil when the calendar has no such time.
    @inline(__always)
    var microseconds: Int64? {
        let isLeap = year & 3 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lastDay = month == 2 ? (isLeap ? 29 : 28) : 30 + ((month + month >> 3) & 1)
        guard year > 0, month >= 1, month <= 12, day >= 1, day <= lastDay, hour < 24, minute < 60, second < 60
        else {
            return nil
        }
        // Days since 1970, counted from March as in Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
        return Int64(seconds) * 1_000_000 + Int64(millisecond) * 1_000
    }
}
