import Testing

@testable import Dovetail

@Suite("Exact decimals")
struct ExactDecimalTests {
    @Test(
        "each value has one spelling",
        arguments: [
            ("0", "0"), ("-0", "0"), ("0.000e5", "0"), ("-12.340", "-12.34"), ("+5", "5"),
            ("1.5e-7", "0.00000015"),
            ("1e3", "1000"), ("0012E+1", "120"), ("10.0", "10"), ("0.10", "0.1"), ("nan", "NaN"),
            ("INFINITY", "Infinity"), ("-infinity", "-Infinity"),
            (
                "123456789012345678901234567890.5e1",
                "1234567890123456789012345678905"
            ), ("99.5e-1", "9.95"), ("1e0000001", "10"),
        ])
    func canonicalText(text: String, canonical: String) throws {
        let value = try #require(ExactDecimal(text))
        #expect(value.text == canonical)
        #expect(value.textLength == canonical.utf8.count)
        #expect(ExactDecimal(canonical) == value)
    }

    @Test("equal numbers are equal and hash alike")
    func equality() {
        #expect(Set(["1", "1.0", "1e0", "0.1e1", "+01"].map { ExactDecimal($0) }).count == 1)
        #expect(ExactDecimal("-0") == ExactDecimal("0"))
        #expect(ExactDecimal.nan == ExactDecimal.nan)
        #expect(ExactDecimal.infinity < .nan)
    }

    @Test(
        "anything that is not a decimal is refused",
        arguments: [
            "", " 1", "1 ", "-", "+", ".", ".5", "5.", "1e", "1e+", "1e200001", "1e-200001", "--1", "1.2.3",
            "0x10",
            "+Infinity", "+NaN", "-NaN", "inf", "1_000", "1e99999999999999999999999", "١", "Infinityy", "1\0",
        ])
    func refused(text: String) {
        #expect(ExactDecimal(text) == nil)
    }

    @Test("the largest exponents are read and written in full")
    func exponentLimits() throws {
        #expect(try #require(ExactDecimal("1e200000")).text.utf8.count == 200_001)
        let small = try #require(ExactDecimal("-1e-200000"))
        #expect(small.text.utf8.count == 200_003)
        #expect(ExactDecimal(small.text) == small)
    }

    @Test("64-bit integers go in and out unchanged")
    func integers() {
        var generator = ValueGenerator(seed: 1)
        var values: [Int64] = [0, 1, -1, 10, -10, .max, .min, .max - 1, .min + 1]
        for _ in 0..<500 {
            values.append(Int64(truncatingIfNeeded: generator.next()) >> Int64(generator.int(0...63)))
        }
        for value in values {
            #expect(ExactDecimal(value).int64 == value)
            #expect(ExactDecimal(value).text == String(value))
            #expect(ExactDecimal(String(value)) == ExactDecimal(value))
        }
        for text in [
            "9223372036854775808", "-9223372036854775809", "1e19", "99999999999999999999", "0.5", "1.5",
            "NaN", "Infinity", "1e-200000",
        ] {
            #expect(ExactDecimal(text)?.int64 == nil)
        }
    }

    @Test("the ordered bytes keep the numeric order, end themselves and read back")
    func orderedBytes() throws {
        var generator = ValueGenerator(seed: 2)
        for _ in 0..<5000 {
            let (left, right) = (generator.decimal(), generator.decimal())
            var (leftBytes, rightBytes): ([UInt8], [UInt8]) = ([], [])
            left.appendOrdered(to: &leftBytes)
            right.appendOrdered(to: &rightBytes)
            #expect((left < right) == leftBytes.lexicographicallyPrecedes(rightBytes), "\(left) \(right)")
            #expect((left == right) == (leftBytes == rightBytes))
            #expect([left < right, left == right, right < left].filter(\.self).count == 1)

            var both = (leftBytes + rightBytes)[...]
            #expect(ExactDecimal.readOrdered(&both) == left)
            #expect(ExactDecimal.readOrdered(&both) == right)
            #expect(both.isEmpty)
        }
    }

    @Test("the order is that of doubles where those are exact")
    func orderOfDoubles() throws {
        var generator = ValueGenerator(seed: 3)
        for _ in 0..<2000 {
            let (left, right) = (generator.int(-4000...4000), generator.int(-4000...4000))
            let decimals = (ExactDecimal("\(Double(left) / 16)"), ExactDecimal("\(Double(right) / 16)"))
            #expect(try (#require(decimals.0) < #require(decimals.1)) == (left < right))
        }
    }

    @Test("bytes that were cut off or made up are refused and left alone")
    func hostileOrderedBytes() {
        var generator = ValueGenerator(seed: 4)
        for _ in 0..<300 {
            var bytes: [UInt8] = []
            generator.decimal().appendOrdered(to: &bytes)
            for end in 0..<bytes.count {
                var slice = bytes[..<end]
                #expect(ExactDecimal.readOrdered(&slice) == nil)
                #expect(slice.count == end)
            }
            // Whatever is read must be what would be written.
            bytes[generator.int(0...bytes.count - 1)] = UInt8(generator.int(0...255))
            var slice = bytes[...]
            if let value = ExactDecimal.readOrdered(&slice) {
                var again: [UInt8] = []
                value.appendOrdered(to: &again)
                #expect(again == Array(bytes.dropLast(slice.count)))
            }
        }
    }
}
