import Dovetail
import DovetailEngine

/// How the binary form of one column becomes values of its field. Plain bits, so that a loop over rows touches no
/// reference counts.
struct ColumnCodec: Sendable, BitwiseCopyable {
    /// The binary form that comes.
    enum Rule: UInt8, Sendable {
        case bool, int2, int4, int8, unsigned, float4, float8, numeric, money
        case text, blankPadded, bytes, date, time, timestamp, timestampWithZone, interval, uuid, json, jsonb
        case inet, geometry, array
    }

    /// What a declared conversion makes of it.
    enum Change: UInt8, Sendable { case none, bool, text, multi }

    let rule: Rule
    let element: Rule
    let change: Change
    /// The values whose text form a column with the conversion `text` holds.
    let textOf: TextForm

    init(_ rule: Rule, element: Rule = .text, change: Change = .none, textOf: TextForm = .text) {
        self.rule = rule
        self.element = element
        self.change = change
        self.textOf = textOf
    }

    init(_ form: TypeForm, field: FieldType, conversion: Conversion?) {
        rule = form.rule
        element = form.element
        textOf = conversion == .text ? TextForm(field) : .text
        change =
            switch conversion {
            case nil: .none
            case .bool: .bool
            case .text: .text
            case .multi: .multi
            }
    }
}

extension ColumnCodec {
    /// The value that a text stands for under a declared conversion; nil when it is just a text.
    func converted(text: UnsafeRawBufferPointer) -> Value? {
        (change == .bool ? .bool : textOf).value(text)
    }
}
