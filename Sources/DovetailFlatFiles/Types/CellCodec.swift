import Dovetail
import DovetailEngine

/// Why a value can't stand in a column, in words for a person.
struct UnstorableValue: Error {
    var reason: String
}

/// How the texts of one column become values of its field, and back.
struct CellCodec: Sendable {
    enum Rule: UInt8, Sendable {
        case any, text, int, double, decimal, bool, date, time, timestamp, timestampWithZone, interval, uuid,
            json, bytes
        case geometry
        /// Lists and blobs, which no flat file holds.
        case none
    }

    let rule: Rule
    let column: String
    let type: FieldType
    let conversion: Conversion?
    /// Whether truth values stand as 0 and 1.
    let isNumericBool: Bool
    let srid: Int32

    init(_ field: Field, _ binding: ColumnBinding, _ column: FieldType) {
        self.column = binding.column
        type = field.type
        conversion = binding.conversion
        isNumericBool = binding.conversion == .bool && column != .text && column != .any
        rule = binding.conversion == .bool ? .bool : Self.rule(of: field.type)
        srid = if case .geometry(let kind) = field.type { kind.srid } else { 0 }
    }

    private static func rule(of type: FieldType) -> Rule {
        switch type {
        case .any: .any
        case .text: .text
        case .int: .int
        case .double: .double
        case .decimal: .decimal
        case .bool: .bool
        case .date: .date
        case .time: .time
        case .timestamp: .timestamp
        case .timestampWithZone: .timestampWithZone
        case .interval: .interval
        case .uuid: .uuid
        case .json: .json
        case .bytes: .bytes
        case .geometry: .geometry
        case .list, .blob: .none
        }
    }

    /// Whether a text in the column is a text in the field, whatever it says.
    var keepsText: Bool { rule == .text || rule == .any || rule == .none }

    /// Whether nothing at all is a value of the field, and not null.
    var canBeEmpty: Bool { keepsText || rule == .bytes }

    /// The value that a text stands for; nil when it is none of the field's type, and stays text.
    func value(_ text: UnsafeRawBufferPointer) -> Value? {
        switch rule {
        case .any, .text, .none: nil
        case .int: Self.int(text).map { .int($0) }
        case .double: Self.double(text).map { .double($0) }
        case .decimal: ExactDecimal(utf8: text).map { .decimal($0) }
        case .bool: bool(text).map { .bool($0) }
        case .date: CalendarDate.parse(utf8: text).map { .date($0) }
        case .time: TimeOfDay.parse(utf8: text).map { .time($0) }
        case .timestamp: timestamp(text, withZone: false).map { .timestamp($0) }
        case .timestampWithZone: timestamp(text, withZone: true).map { .timestampWithZone($0) }
        case .interval: CalendarInterval.parse(utf8: text).map { .interval($0) }
        case .uuid: UUID128.parse(utf8: text).map { .uuid($0) }
        case .json: (try? CanonicalJSON.canonical(String(decoding: text, as: UTF8.self))).map { .json($0) }
        case .bytes: Self.bytes(text).map { .bytes($0) }
        case .geometry: WKTReader.geometry(text, srid: srid).map { .geometry(inField($0)) }
        }
    }

    /// A geometry as the field has it: under the conversion `multi` the column holds multi geometries of one part.
    func inField(_ geometry: Geometry) -> Geometry {
        conversion == .multi ? FlatGeometry.onlyPart(of: geometry) : geometry
    }

    /// A geometry as the column has it.
    func inColumn(_ geometry: Geometry) -> Geometry {
        conversion == .multi ? FlatGeometry.multi(of: geometry) : geometry
    }

    @inline(__always)
    static func int(_ text: UnsafeRawBufferPointer) -> Int64? {
        let isNegative = text.first == UInt8(ascii: "-")
        let digits = isNegative ? UnsafeRawBufferPointer(rebasing: text.dropFirst()) : text
        guard !digits.isEmpty, digits.count < 20 else { return nil }
        var number: Int64 = 0
        for byte in digits {
            let digit = byte &- 0x30
            guard digit < 10 else { return nil }
            let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, more) = tens.subtractingReportingOverflow(Int64(digit))
            if overflow || more { return nil }
            number = sum
        }
        if isNegative { return number }
        return number == .min ? nil : -number
    }

    static func double(_ text: UnsafeRawBufferPointer) -> Double? {
        if NumberShape(text) != nil {
            let number = Double(String(decoding: text, as: UTF8.self))
            // Beyond the largest double there is nothing that would come back.
            return number.flatMap { $0.isFinite ? $0 : nil }
        }
        guard text.count <= 9 else { return nil }
        return switch String(decoding: text, as: UTF8.self).lowercased() {
        case "nan": .nan
        case "inf", "infinity": .infinity
        case "-inf", "-infinity": -.infinity
        default: nil
        }
    }

    private func bool(_ text: UnsafeRawBufferPointer) -> Bool? {
        guard text.count <= 5 else { return nil }
        let word = String(decoding: text, as: UTF8.self).lowercased()
        if word == "true" { return true }
        if word == "false" { return false }
        guard conversion == .bool else { return nil }
        return switch word {
        case "1", "t": true
        case "0", "f": false
        default: nil
        }
    }

    private func timestamp(_ text: UnsafeRawBufferPointer, withZone: Bool) -> Timestamp? {
        guard let (timestamp, hasZone) = Timestamp.parse(utf8: text) else { return nil }
        return hasZone == withZone || !timestamp.isFinite ? timestamp : nil
    }

    private static func bytes(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        func nibble(_ byte: UInt8) -> UInt8? {
            switch byte {
            case 0x30...0x39: byte - 0x30
            case 0x61...0x66: byte - 0x57
            case 0x41...0x46: byte - 0x37
            default: nil
            }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        for index in stride(from: 0, to: text.count, by: 2) {
            guard let high = nibble(text[index]), let low = nibble(text[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}

extension CellCodec {
    /// The text form of a value in this column; null has none.
    /// - Throws: ``UnstorableValue`` when the text would not come back as the value.
    func text(of value: Value) throws(UnstorableValue) -> String {
        let text: String
        switch value {
        case .null: return ""
        case .text(let content):
            guard keepsText else { throw refusal("“\(value.words(limit: 40))” is no \(type.name)") }
            return content
        case .bool(let flag): text = isNumericBool ? (flag ? "1" : "0") : (flag ? "true" : "false")
        case .int(let number): text = String(number)
        case .double(let number): text = Self.text(of: number)
        case .decimal(let number): text = number.text
        case .date(let date): text = date.iso
        case .time(let time): text = time.iso
        case .timestamp(let timestamp): text = timestamp.iso
        case .timestampWithZone(let timestamp): text = timestamp.isoZ
        case .interval(let interval): text = interval.iso
        case .uuid(let uuid): text = uuid.text
        case .json(let content): text = content
        case .bytes(let content): text = Self.hex(content)
        case .geometry(let geometry): text = try wellKnownText(of: geometry)
        case .list, .blob: throw refusal("a flat file can't hold a value of this kind")
        }
        // What the column can't give back again would be another value there.
        guard rule == .any || read(text) == value else {
            throw refusal("\(value.words(limit: 40)) is no \(type.name)")
        }
        return text
    }

    func refusal(_ reason: String) -> UnstorableValue {
        UnstorableValue(reason: "column \(column): \(reason)")
    }

    private func read(_ text: String) -> Value? {
        var text = text
        return text.withUTF8 { value(UnsafeRawBufferPointer($0)) }
    }

    /// The shortest digits that read back the same, without an empty fraction.
    static func text(of number: Double) -> String {
        if number.isNaN { return "NaN" }
        guard number.isFinite else { return number < 0 ? "-Infinity" : "Infinity" }
        let text = "\(number)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private func wellKnownText(of geometry: Geometry) throws(UnstorableValue) -> String {
        guard geometry.srid == srid else {
            throw refusal("it is in the reference system \(srid), the geometry in \(geometry.srid)")
        }
        return inColumn(geometry).wkb.withUnsafeBytes { WKB.wkt($0, maxCharacters: .max) }
    }
}
