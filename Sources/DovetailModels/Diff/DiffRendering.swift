import Dovetail

extension Diff: CustomStringConvertible {
    /// The tree as text: of an update what the source holds and what the destination holds.
    public var description: String {
        guard !elements.isEmpty else { return "(no diffs)" }
        var lines: [String] = []
        Self.write(elements, source, destination, indent: 0, to: &lines)
        return lines.joined(separator: "\n")
    }

    private static func write(
        _ elements: [DiffElement], _ source: String, _ destination: String, indent: Int,
        to lines: inout [String]
    ) {
        var type: String?
        for element in elements {
            if element.type != type {
                type = element.type
                lines.append(String(repeating: " ", count: indent) + element.type)
            }
            var line = String(repeating: " ", count: indent + 2) + "\(element.type): \(element.name)"
            switch element.action {
            case .create: line += " MISSING in \(destination)"
            case .delete: line += " MISSING in \(source)"
            case .update, nil: break
            }
            if let rule = element.protectedBy { line += " (\(rule))" }
            lines.append(line)
            if element.action == .update {
                for attribute in element.attributes {
                    lines.append(
                        String(repeating: " ", count: indent + 4)
                            + "\(attribute.name)    \(source)(\(attribute.new?.words ?? ""))"
                            + "    \(destination)(\(attribute.old?.words ?? ""))")
                }
            }
            write(element.children, source, destination, indent: indent + 4, to: &lines)
        }
    }
}

/// The shape of DiffSync's dictionaries: `{type: {name: {"-": {…}, "+": {…}, child type: {…}}}}`, where “+” is what the source
/// holds and “-” what the destination holds. A record that only stands above others has neither.
extension Diff: Encodable {
    public func encode(to encoder: any Encoder) throws { try DiffGroup(elements).encode(to: encoder) }
}

private struct DiffName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// The elements of one place, by type and name.
private struct DiffGroup: Encodable {
    private let byType: [String: [DiffElement]]

    init(_ elements: [DiffElement]) { byType = Dictionary(grouping: elements, by: \.type) }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: DiffName.self)
        try write(into: &container)
    }

    func write(into container: inout KeyedEncodingContainer<DiffName>) throws {
        for (type, elements) in byType {
            var group = container.nestedContainer(keyedBy: DiffName.self, forKey: DiffName(type))
            for element in elements {
                var entry = group.nestedContainer(keyedBy: DiffName.self, forKey: DiffName(element.name))
                if element.action != .create, element.action != nil {
                    try write(element.attributes.map { ($0.name, $0.old) }, as: "-", into: &entry)
                }
                if element.action != .delete, element.action != nil {
                    try write(element.attributes.map { ($0.name, $0.new) }, as: "+", into: &entry)
                }
                try DiffGroup(element.children).write(into: &entry)
            }
        }
    }

    private func write(
        _ values: [(String, Value?)], as sign: String, into entry: inout KeyedEncodingContainer<DiffName>
    ) throws {
        var container = entry.nestedContainer(keyedBy: DiffName.self, forKey: DiffName(sign))
        for (name, value) in values {
            try container.encode(PlainValue(value ?? .null), forKey: DiffName(name))
        }
    }
}

/// A value as JSON has it: numbers as numbers, lists as lists, everything else as text.
private struct PlainValue: Encodable {
    private let value: Value

    init(_ value: Value) { self.value = value }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch value {
        case .null: try container.encodeNil()
        case .bool(let flag): try container.encode(flag)
        case .int(let number): try container.encode(number)
        case .double(let number) where number.isFinite: try container.encode(number)
        case .text(let text): try container.encode(text)
        case .list(let values): try container.encode(values.map(PlainValue.init))
        default: try container.encode(value.words(limit: .max))
        }
    }
}
