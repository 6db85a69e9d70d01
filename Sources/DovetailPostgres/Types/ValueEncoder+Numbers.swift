import Dovetail

extension ValueEncoder {
    func append(
        int value: Value, _ rule: ColumnCodec.Rule, to bytes: inout [UInt8]
    ) throws(UnstorableValue) {
        let number: Int64
        switch value {
        case .int(let int): number = int
        case .decimal(let decimal):
            guard let int = decimal.int64 else { throw refusal("it can't hold \(value.words)") }
            number = int
        default: throw misfit(value)
        }
        switch rule {
        case .int2:
            guard let fitting = Int16(exactly: number) else {
                throw outOfRange(value, "\(Int16.min)", "\(Int16.max)")
            }
            bytes.append(bigEndian: fitting)
        case .int4:
            guard let fitting = Int32(exactly: number) else {
                throw outOfRange(value, "\(Int32.min)", "\(Int32.max)")
            }
            bytes.append(bigEndian: fitting)
        case .unsigned:
            guard let fitting = UInt32(exactly: number) else { throw outOfRange(value, "0", "\(UInt32.max)") }
            bytes.append(bigEndian: fitting)
        default: bytes.append(bigEndian: number)
        }
    }

    private func outOfRange(_ value: Value, _ lowest: String, _ highest: String) -> UnstorableValue {
        refusal("\(value.words) is out of its range \(lowest)…\(highest)")
    }

    func append(
        double value: Value, _ rule: ColumnCodec.Rule, to bytes: inout [UInt8]
    ) throws(UnstorableValue) {
        let number: Double
        switch value {
        case .double(let double): number = double
        case .int(let int):
            guard let exact = Double(exactly: int) else { throw inexact(value) }
            number = exact
        default: throw misfit(value)
        }
        guard rule == .float4 else {
            bytes.append(bigEndian: number.bitPattern)
            return
        }
        let short = Float(number)
        // A field with a tolerance has declared that it may be rounded by so much.
        let error = abs(Double(short) - number)
        guard Double(short) == number || number.isNaN || error <= plan.field.options.tolerance ?? 0 else {
            throw inexact(value)
        }
        bytes.append(bigEndian: short.bitPattern)
    }

    private func inexact(_ value: Value) -> UnstorableValue {
        refusal("it can't hold \(value.words) exactly; make it wider, or give the field a tolerance")
    }

    func append(
        decimal value: Value, _ rule: ColumnCodec.Rule, to bytes: inout [UInt8]
    ) throws(UnstorableValue) {
        let decimal: ExactDecimal
        switch value {
        case .decimal(let exact): decimal = exact
        case .int(let int): decimal = ExactDecimal(int)
        default: throw misfit(value)
        }
        if let parts = DecimalParts(decimal) { return try append(parts, rule, to: &bytes) }
        guard rule == .numeric, form.modifier < 4 || decimal == .nan else {
            throw refusal("it can't hold \(decimal.text)")
        }
        guard decimal == .nan || plan.server.hasInfiniteNumerics else {
            throw refusal("PostgreSQL before 14 has no \(decimal.text)")
        }
        NumericForm.append(special: decimal, to: &bytes)
    }

    /// Appends length and bytes of a packed decimal that is a number.
    func append(packedNumber text: ArraySlice<UInt8>, to bytes: inout [UInt8]) throws(UnstorableValue) {
        let start = bytes.count
        bytes.append(bigEndian: Int32(0))
        do throws(UnstorableValue) {
            try append(DecimalParts(plain: text), form.rule, to: &bytes)
            try close(start, &bytes)
        } catch {
            bytes.removeSubrange(start...)
            throw error
        }
    }

    private func append(
        _ parts: DecimalParts, _ rule: ColumnCodec.Rule, to bytes: inout [UInt8]
    ) throws(UnstorableValue) {
        if rule == .money { return bytes.append(bigEndian: try hundredths(parts)) }
        try checkDigits(parts)
        NumericForm.append(parts, to: &bytes)
    }

    private func checkDigits(_ parts: DecimalParts) throws(UnstorableValue) {
        guard form.modifier >= 4 else {
            guard parts.whole.count <= 131_072, parts.fraction.count <= 16_383 else {
                throw refusal("numeric has at most 131072 digits before the point and 16383 after it")
            }
            return
        }
        let precision = Int((form.modifier - 4) >> 16 & 0xffff)
        // Eleven bits with a sign: below zero, PostgreSQL rounds to tens, hundreds, …
        let scale = Int((form.modifier - 4) & 0x7ff ^ 1024) - 1024
        guard parts.whole.count <= max(precision - scale, 0) else {
            throw refusal("\(parts.words) has more than \(max(precision - scale, 0)) digits before the point")
        }
        guard parts.fraction.count <= max(scale, 0), parts.whole.isEmpty || parts.zerosAtEnd >= -scale else {
            throw refusal("it would round \(parts.words)")
        }
        // With more decimals than digits, the first of them have to be zeros.
        let zeros = parts.fraction.prefix { $0 == 0x30 }.count
        guard scale <= precision || parts.fraction.isEmpty || zeros >= scale - precision else {
            throw refusal("\(parts.words) is too large")
        }
    }

    static func shortened(_ text: String) -> String {
        text.count <= 40 ? text : "\(text.prefix(37))…"
    }

    private func hundredths(_ parts: DecimalParts) throws(UnstorableValue) -> Int64 {
        guard parts.whole.count <= 18 else { throw refusal("money can't hold \(parts.words)") }
        guard parts.fraction.count <= 2 else { throw refusal("it would round \(parts.words)") }
        var number: Int64 = 0
        let cents = parts.fraction + [UInt8](repeating: 0x30, count: 2 - parts.fraction.count)
        for digit in parts.whole + cents {
            let product = number.multipliedReportingOverflow(by: 10)
            let next = product.partialValue.addingReportingOverflow(
                parts.isNegative ? 0x30 - Int64(digit) : Int64(digit) - 0x30)
            guard !product.overflow, !next.overflow else {
                throw refusal("money can't hold \(parts.words)")
            }
            number = next.partialValue
        }
        return number
    }
}

extension DecimalParts {
    /// As a person would write it, cut when it is long.
    fileprivate var words: String {
        let digits = whole.isEmpty ? "0" : String(decoding: whole, as: UTF8.self)
        let decimals = fraction.isEmpty ? "" : "." + String(decoding: fraction, as: UTF8.self)
        return ValueEncoder.shortened((isNegative ? "-" : "") + digits + decimals)
    }
}
