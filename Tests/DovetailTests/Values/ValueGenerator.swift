@testable import Dovetail

/// SplitMix64: the same values on every run, so that a failure can be found again.
struct ValueGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    mutating func pick<Element>(_ elements: [Element], else other: Element) -> Element {
        elements.randomElement(using: &self) ?? other
    }

    mutating func digits(_ count: ClosedRange<Int>) -> String {
        (0..<int(count)).map { _ in String(int(0...9)) }.joined()
    }

    /// Decimals near each other, so that ties on exponent and prefix are common.
    mutating func decimal() -> ExactDecimal {
        if int(0...20) == 0 {
            return pick([.nan, .infinity, .negativeInfinity], else: .zero)
        }
        let sign = pick(["", "-"], else: "")
        let fraction = int(0...1) == 0 ? "" : "." + digits(1...5)
        let exponent = int(0...3) == 0 ? "e\(int(-30...30))" : ""
        return ExactDecimal(sign + digits(1...4) + fraction + exponent) ?? .zero
    }

    /// Random well-known binary, ISO or EWKB, in mixed byte orders.
    mutating func wkb() -> [UInt8] {
        var builder = WKBBuilder(z: int(0...2) == 0, m: int(0...3) == 0, extended: int(0...1) == 0)
        let code: UInt32 = pick(Array(1...12) + [15, 16, 17], else: 1)
        builder.geometry(&self, code: code, depth: 0)
        return builder.bytes
    }
}

/// Writes well-known binary field by field.
struct WKBBuilder {
    var bytes: [UInt8] = []
    var z = false
    var m = false
    var extended = false
    var little = true

    init(z: Bool = false, m: Bool = false, extended: Bool = false) {
        self.z = z
        self.m = m
        self.extended = extended
    }

    mutating func word(_ value: UInt32) {
        withUnsafeBytes(of: little ? value.littleEndian : value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func ordinate(_ bits: UInt64) {
        withUnsafeBytes(of: little ? bits.littleEndian : bits.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func ordinates(_ values: Double...) {
        for value in values { ordinate(value.bitPattern) }
    }

    mutating func header(_ code: UInt32, srid: UInt32? = nil) {
        bytes.append(little ? 1 : 0)
        if extended {
            word(code | (z ? 0x8000_0000 : 0) | (m ? 0x4000_0000 : 0) | (srid == nil ? 0 : 0x2000_0000))
            if let srid { word(srid) }
        } else {
            word(code + (z ? 1000 : 0) + (m ? 2000 : 0))
        }
    }

    mutating func points(_ generator: inout ValueGenerator, _ count: Int) {
        for _ in 0..<count * (2 + (z ? 1 : 0) + (m ? 1 : 0)) {
            let value = Double(generator.int(-1000...1000)) / 8
            ordinate(generator.int(0...30) == 0 ? 0xFFF8_0000_0000_0001 : value.bitPattern)
        }
    }

    mutating func geometry(_ generator: inout ValueGenerator, code: UInt32, depth: Int) {
        little = generator.int(0...1) == 0
        header(code, srid: depth == 0 && generator.int(0...1) == 0 ? 4326 : nil)
        let own = little
        let count = generator.int(0...3)
        switch code {
        case 1: points(&generator, 1)
        case 2, 8:
            word(UInt32(count))
            points(&generator, count)
        case 3, 17:
            word(UInt32(count))
            for _ in 0..<count {
                word(4)
                points(&generator, 4)
            }
        default:
            word(UInt32(count))
            for _ in 0..<count {
                let members: [UInt32: [UInt32]] = [
                    4: [1], 5: [2], 6: [3], 7: [1, 2, 3, depth > 3 ? 4 : 7], 9: [2, 8], 10: [2, 8, 9],
                    11: [2, 8, 9], 12: [3, 10], 15: [3], 16: [17],
                ]
                geometry(&generator, code: generator.pick(members[code] ?? [], else: 1), depth: depth + 1)
                little = own
            }
        }
    }
}
