/// PostgreSQL's binary `inet` and `cidr`: family, bits of the mask, whether it is a `cidr`, length, address.
enum InetForm {
    private static let v4: UInt8 = 2
    private static let v6: UInt8 = 3

    /// Writes an address as PostgreSQL shows it. Its own cast to text would add `/32` to every plain host.
    static func write(_ raw: UnsafeRawBufferPointer, to text: inout TextScratch) -> Bool {
        guard raw.count >= 4 else { return false }
        text.begin(reserving: 64)
        let address = UnsafeRawBufferPointer(rebasing: raw[4...])
        let all: UInt8
        switch (raw[0], address.count) {
        case (v4, 4):
            all = 32
            write(v4: address, to: &text)
        case (v6, 16):
            all = 128
            write(v6: address, to: &text)
        default: return false
        }
        if raw[2] != 0 || raw[1] != all {
            text.put(UInt8(ascii: "/"))
            text.put(decimal: UInt64(raw[1]))
        }
        return true
    }

    private static func write(v4 address: UnsafeRawBufferPointer, to text: inout TextScratch) {
        for index in 0..<4 {
            if index > 0 { text.put(UInt8(ascii: ".")) }
            text.put(decimal: UInt64(address[index]))
        }
    }

    private static func write(v6 address: UnsafeRawBufferPointer, to text: inout TextScratch) {
        let words = (0..<8).map { UInt16(address[2 * $0]) << 8 | UInt16(address[2 * $0 + 1]) }
        let gap = longestGap(words)
        var index = 0
        while index < 8 {
            if index == gap.lowerBound, !gap.isEmpty {
                text.put(word: index == 0 ? "::" : ":")
                index = gap.upperBound
                continue
            }
            // The IPv4 address inside an IPv6 one.
            if index == 6, gap.lowerBound == 0,
                gap.count == 6 || gap.count == 5 && words[5] == 0xffff
            {
                write(v4: UnsafeRawBufferPointer(rebasing: address[12...]), to: &text)
                return
            }
            put(hex: words[index], to: &text)
            index += 1
            if index < 8 { text.put(UInt8(ascii: ":")) }
        }
    }

    /// The first of the longest runs of zeros, of two words at least.
    private static func longestGap(_ words: [UInt16]) -> Range<Int> {
        var best = 0..<0
        var start = 0
        while start < words.count {
            var end = start
            while end < words.count, words[end] == 0 { end += 1 }
            if end - start > best.count { best = start..<end }
            start = max(end, start + 1)
        }
        return best.count >= 2 ? best : 0..<0
    }

    private static func put(hex word: UInt16, to text: inout TextScratch) {
        var started = false
        for shift in [12, 8, 4, 0] as [UInt16] {
            let nibble = UInt8(word >> shift & 0xf)
            started = started || nibble != 0 || shift == 0
            if started { text.put(nibble < 10 ? 0x30 + nibble : 0x57 + nibble) }
        }
    }
}
