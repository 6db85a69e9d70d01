public import Dovetail
public import Foundation

/// A Swift type that a model's field can have.
///
/// Enums with raw values conform by saying so: `enum Role: String, FieldValue { … }`.
public protocol FieldValue: Sendable {
    static var fieldType: FieldType { get }

    /// The value in canonical form.
    var fieldValue: Value { get }

    /// Nil when the value is none of this type.
    init?(_ value: Value)

    /// Writes the value as a packed field. As ``fieldValue``, without a detour where that is faster.
    func pack(into builder: inout BatchBuilder)

    /// Writes the value as part of a key.
    func packKey(into builder: inout BatchBuilder)

    /// Packs the value at an address. For the types here it is compiled for each of them, which ``pack(into:)``, called on a
    /// value of whatever type, is not.
    static func pack(at address: UnsafeRawPointer, into builder: inout BatchBuilder)
    static func packKey(at address: UnsafeRawPointer, into builder: inout BatchBuilder)
}

extension FieldValue {
    public static func pack(at address: UnsafeRawPointer, into builder: inout BatchBuilder) {
        address.assumingMemoryBound(to: Self.self).pointee.pack(into: &builder)
    }
    public static func packKey(at address: UnsafeRawPointer, into builder: inout BatchBuilder) {
        address.assumingMemoryBound(to: Self.self).pointee.packKey(into: &builder)
    }
    public func pack(into builder: inout BatchBuilder) { builder.put(fieldValue) }
    public func packKey(into builder: inout BatchBuilder) { builder.putKey(fieldValue) }
}

extension FieldValue where Self: RawRepresentable, RawValue: FieldValue {
    public static var fieldType: FieldType { RawValue.fieldType }
    public var fieldValue: Value { rawValue.fieldValue }
    public init?(_ value: Value) {
        guard let raw = RawValue(value) else { return nil }
        self.init(rawValue: raw)
    }
    public func pack(into builder: inout BatchBuilder) { rawValue.pack(into: &builder) }
    public func packKey(into builder: inout BatchBuilder) { rawValue.packKey(into: &builder) }
}

extension String: FieldValue {
    public static var fieldType: FieldType { .text }
    public var fieldValue: Value { .text(self) }
    public init?(_ value: Value) {
        guard case .text(let text) = value else { return nil }
        self = text
    }
    public func pack(into builder: inout BatchBuilder) {
        withBytes { builder.put(text: $0) }
    }
    public func packKey(into builder: inout BatchBuilder) {
        withBytes { builder.putKey(text: $0) }
    }
    /// Without a copy, which `withUTF8` would begin with.
    @inline(__always)
    private func withBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        if utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) == nil {
            Array(utf8).withUnsafeBytes(body)
        }
    }
}

extension Bool: FieldValue {
    public static var fieldType: FieldType { .bool }
    public var fieldValue: Value { .bool(self) }
    public init?(_ value: Value) {
        guard case .bool(let flag) = value else { return nil }
        self = flag
    }
    public func pack(into builder: inout BatchBuilder) { builder.put(bool: self) }
    public func packKey(into builder: inout BatchBuilder) { builder.putKey(bool: self) }
}

/// Integers that 64 bits with a sign hold.
public protocol IntegerFieldValue: FieldValue, FixedWidthInteger {}

extension IntegerFieldValue {
    public static var fieldType: FieldType { .int }
    public var fieldValue: Value { .int(Int64(self)) }
    public init?(_ value: Value) {
        guard case .int(let number) = value else { return nil }
        self.init(exactly: number)
    }
    public func pack(into builder: inout BatchBuilder) { builder.put(int: Int64(self)) }
    public func packKey(into builder: inout BatchBuilder) { builder.putKey(int: Int64(self)) }
}

extension Int: IntegerFieldValue {}
extension Int8: IntegerFieldValue {}
extension Int16: IntegerFieldValue {}
extension Int32: IntegerFieldValue {}
extension Int64: IntegerFieldValue {}
extension UInt8: IntegerFieldValue {}
extension UInt16: IntegerFieldValue {}
extension UInt32: IntegerFieldValue {}

extension Double: FieldValue {
    public static var fieldType: FieldType { .double }
    public var fieldValue: Value { .double(self) }
    public init?(_ value: Value) {
        guard case .double(let number) = value else { return nil }
        self = number
    }
    public func pack(into builder: inout BatchBuilder) { builder.put(double: self) }
}

extension Decimal: FieldValue {
    public static var fieldType: FieldType { .decimal }
    public var fieldValue: Value { .decimal(isNaN ? .nan : ExactDecimal("\(self)") ?? .nan) }
    public init?(_ value: Value) {
        guard case .decimal(let number) = value, let decimal = Decimal(string: number.text),
            ExactDecimal("\(decimal)") == number || decimal.isNaN
        else { return nil }
        self = decimal
    }
}

extension UUID: FieldValue {
    public static var fieldType: FieldType { .uuid }
    public var fieldValue: Value {
        withUnsafeBytes(of: uuid) { bytes in
            .uuid(
                UUID128(
                    high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))))
        }
    }
    public init?(_ value: Value) {
        guard case .uuid(let uuid) = value, let same = UUID(uuidString: uuid.text) else { return nil }
        self = same
    }
}

/// An instant, to the microsecond.
extension Date: FieldValue {
    public static var fieldType: FieldType { .timestampWithZone }
    public var fieldValue: Value {
        let microseconds = (timeIntervalSince1970 * 1_000_000).rounded()
        return .timestampWithZone(
            Timestamp(microseconds: Int64(exactly: microseconds) ?? (microseconds < 0 ? .min : .max)))
    }
    public init?(_ value: Value) {
        guard case .timestampWithZone(let instant) = value else { return nil }
        self.init(timeIntervalSince1970: Double(instant.microseconds) / 1_000_000)
    }
}

extension Data: FieldValue {
    public static var fieldType: FieldType { .bytes }
    public var fieldValue: Value { .bytes(Array(self)) }
    public init?(_ value: Value) {
        guard case .bytes(let bytes) = value else { return nil }
        self.init(bytes)
    }
}

extension Optional: FieldValue where Wrapped: FieldValue {
    public static var fieldType: FieldType { Wrapped.fieldType }
    public var fieldValue: Value { self?.fieldValue ?? .null }
    public init?(_ value: Value) {
        if value.isNull {
            self = .none
        } else {
            guard let wrapped = Wrapped(value) else { return nil }
            self = .some(wrapped)
        }
    }
    public func pack(into builder: inout BatchBuilder) {
        if let self { self.pack(into: &builder) } else { builder.putNull() }
    }
    public func packKey(into builder: inout BatchBuilder) {
        if let self { self.packKey(into: &builder) } else { builder.putKeyNull() }
    }
}

extension Array: FieldValue where Element: FieldValue {
    public static var fieldType: FieldType { .list(Element.fieldType) }
    public var fieldValue: Value { .list(map(\.fieldValue)) }
    public init?(_ value: Value) {
        guard case .list(let values) = value else { return nil }
        let elements = values.compactMap { Element($0) }
        guard elements.count == values.count else { return nil }
        self = elements
    }
}
