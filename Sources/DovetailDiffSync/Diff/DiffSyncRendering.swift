extension DiffSyncDiff: CustomStringConvertible {
    /// DiffSync's dictionary: `{type: {name: {"-": {…}, "+": {…}, child type: {…}}}}`, with what differs and what that is below.
    public func dict() -> DiffSyncValue {
        // From the end, so that what is below an element is there when the element comes.
        var below: [[(type: String, name: String, value: DiffSyncValue)]] = Array(
            repeating: [], count: elements.map(\.depth).max().map { $0 + 2 } ?? 1)
        for element in elements.reversed() where element.hasDiffs {
            var fields: [(String, DiffSyncValue)] = []
            if let old = element.old { fields.append(("-", .object(old))) }
            if let new = element.new { fields.append(("+", .object(new))) }
            fields += Self.groups(below[element.depth + 1].reversed())
            below[element.depth + 1] = []
            below[element.depth].append((element.type, element.name, .object(DiffSyncFields(fields))))
        }
        return .object(DiffSyncFields(Self.groups(below[0].reversed())))
    }

    private static func groups(
        _ entries: some Sequence<(type: String, name: String, value: DiffSyncValue)>
    ) -> [(String, DiffSyncValue)] {
        var groups = OrderedTable<String, [(String, DiffSyncValue)]>()
        for entry in entries where !groups.append([(entry.name, entry.value)], for: entry.type) {
            groups.change(entry.type) { $0.append((entry.name, entry.value)) }
        }
        return groups.keys.map { ($0, .object(DiffSyncFields(groups[$0] ?? []))) }
    }

    /// DiffSync's text: of what differs what the source and the destination hold. Always in the default order.
    public var description: String {
        var lines: [String] = []
        var open: [Line] = self.lines(below: nil)
        while let line = open.popLast() {
            switch line {
            case .type(let type, let depth): lines.append(indent(depth, 0) + type)
            case .element(let place):
                write(elements[place], to: &lines)
                open += self.lines(below: place)
            }
        }
        return lines.isEmpty ? "(no diffs)" : lines.joined(separator: "\n")
    }

    private enum Line { case type(String, depth: Int), element(Int) }

    /// What is to be written below an element, the last first.
    private func lines(below place: Int?) -> [Line] {
        let shown = children(of: place).filter { elements[$0].hasDiffs }
            .sorted { elements[$0].position < elements[$1].position }
        var lines: [Line] = []
        var type: String?
        for place in shown {
            let element = elements[place]
            if element.type != type { lines.append(.type(element.type, depth: element.depth)) }
            type = element.type
            lines.append(.element(place))
        }
        return lines.reversed()
    }

    private func write(_ element: DiffSyncElement, to lines: inout [String]) {
        var line = indent(element.depth, 2) + "\(element.type): \(element.name)"
        switch element.action {
        case .create: line += " MISSING in \(destination)"
        case .delete: line += " MISSING in \(source)"
        case .update, nil: break
        }
        if let reason = element.heldBack { line += " (held back: \(reason))" }
        lines.append(line)
        guard element.action == .update, let old = element.old, let new = element.new else { return }
        for (old, new) in zip(old, new) {
            lines.append(
                indent(element.depth, 4)
                    + "\(new.name)    \(source)(\(new.value.pythonText))    \(destination)(\(old.value.pythonText))"
            )
        }
    }

    private func indent(_ depth: Int, _ more: Int) -> String {
        String(repeating: " ", count: 4 * depth + more)
    }
}
