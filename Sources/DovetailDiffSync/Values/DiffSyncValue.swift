public import Dovetail
import Foundation

/// One value of an attribute or an identifier: what JSON can hold, with the order of its objects kept.
///
/// It has two equalities. `==` tells apart whatever is written differently (`1`, `1.0` and `true`), and is what identities are made of;
/// ``equals(_:)`` is Python's, and is what a diff goes by.
public enum DiffSyncValue: Sendable {
    case null
    case bool(Bool)
    case int(Int)
    /// An integer beyond 64 bits.
    case bigInt(ExactDecimal)
    case double(Double)
    case text(String)
    case list([DiffSyncValue])
    case object(DiffSyncFields)

    /// Python's `==`: numbers and truth values by what they count, text by its code points, lists in their order, objects in any.
    /// NaN equals nothing.
    public func equals(_ other: DiffSyncValue) -> Bool {
        switch (self, other) {
        case (.null, .null): true
        case (.text(let a), .text(let b)): a.utf8.elementsEqual(b.utf8)
        case (.list(let a), .list(let b)): a.elementsEqual(b) { $0.equals($1) }
        case (.object(let a), .object(let b)):
            a.count == b.count
                && a.allSatisfy { field in b[field.name].map { field.value.equals($0) } ?? false }
        case (.double(let a), .double(let b)): a == b
        case (.double(let a), _): other.integer.map { a.isExactly($0) } ?? false
        case (_, .double(let b)): integer.map { b.isExactly($0) } ?? false
        default: if let a = integer, let b = other.integer { a == b } else { false }
        }
    }

    /// The number that Python counts this as, if it is a whole one.
    private var integer: ExactDecimal? {
        switch self {
        case .bool(let flag): ExactDecimal(flag ? "1" : "0")
        case .int(let number): ExactDecimal(String(number))
        case .bigInt(let number): number
        default: nil
        }
    }
}

extension Double {
    fileprivate func isExactly(_ integer: ExactDecimal) -> Bool {
        guard isFinite, self == rounded() else { return false }
        // All digits: a double beyond 2^53 is one integer, and not the shortest text that leads to it.
        return ExactDecimal(String(format: "%.0f", self)) == integer
    }
}

extension DiffSyncValue: Hashable {
    /// Whether both are written alike.
    public static func == (a: DiffSyncValue, b: DiffSyncValue) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.bigInt(let a), .bigInt(let b)): a == b
        case (.double(let a), .double(let b)): a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN)
        case (.text(let a), .text(let b)): a.utf8.elementsEqual(b.utf8)
        case (.list(let a), .list(let b)): a == b
        case (.object(let a), .object(let b)): a == b
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let flag): hasher.combine(flag)
        case .int(let number): hasher.combine(number)
        case .bigInt(let number): hasher.combine(number)
        case .double(let number): hasher.combine(number.isNaN ? Double.nan.bitPattern : number.bitPattern)
        case .text(var text): text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        case .list(let values): for value in values { hasher.combine(value) }
        case .object(let fields): hasher.combine(fields)
        }
    }
}

extension DiffSyncValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: DiffSyncValue...) { self = .list(elements) }
    public init(dictionaryLiteral elements: (String, DiffSyncValue)...) {
        self = .object(DiffSyncFields(elements.map { ($0.0, $0.1) }))
    }
}

extension DiffSyncValue {
    /// The value under a name, if this is an object that has one.
    public subscript(name: String) -> DiffSyncValue? {
        if case .object(let fields) = self { fields[name] } else { nil }
    }

    /// The text, if this is one.
    public var text: String? { if case .text(let text) = self { text } else { nil } }
    /// The values, if this is a list.
    public var list: [DiffSyncValue]? { if case .list(let values) = self { values } else { nil } }
    /// The fields, if this is an object.
    public var fields: DiffSyncFields? { if case .object(let fields) = self { fields } else { nil } }
}

/// Names and values in an order, each name once.
public struct DiffSyncFields: Sendable, Hashable, RandomAccessCollection, ExpressibleByDictionaryLiteral {
    public struct Field: Sendable, Hashable {
        public let name: String
        public var value: DiffSyncValue
    }

    private var fields: [Field] = []
    public var startIndex: Int { fields.startIndex }
    public var endIndex: Int { fields.endIndex }
    public subscript(position: Int) -> Field { fields[position] }

    public init() {}

    /// Of a name that comes twice the last value counts, in the first place.
    /// Complexity: O(n).
    public init(_ pairs: some Sequence<(String, DiffSyncValue)>) {
        // As values, names are told apart by their bytes.
        var places: [DiffSyncValue: Int] = [:]
        for (name, value) in pairs {
            if let place = places[.text(name)] {
                fields[place].value = value
            } else {
                places[.text(name)] = fields.count
                fields.append(Field(name: name, value: value))
            }
        }
    }

    public init(dictionaryLiteral elements: (String, DiffSyncValue)...) {
        self.init(elements.lazy.map { $0 })
    }

    /// The value under a name. Complexity: O(n); of an object there are few fields.
    public subscript(name: String) -> DiffSyncValue? {
        get { place(of: name).map { fields[$0].value } }
        set {
            let place = place(of: name)
            switch (place, newValue) {
            case (let place?, let value?): fields[place].value = value
            case (nil, let value?): fields.append(Field(name: name, value: value))
            case (let place?, nil): fields.remove(at: place)
            case (nil, nil): break
            }
        }
    }

    private func place(of name: String) -> Int? {
        fields.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }
    }

    /// The fields that fit, in their order.
    func keeping(_ fits: (Field) -> Bool) -> DiffSyncFields {
        var kept = self
        kept.fields = fields.filter(fits)
        return kept
    }
}
