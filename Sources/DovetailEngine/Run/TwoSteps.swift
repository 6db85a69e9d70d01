import Dovetail

extension PlanEntry {
    /// Whether every side that it writes to has answered. When one side failed, what the other answered is known all the
    /// same.
    func isAnswered(by outcomes: Sides<WriteOutcome?>) -> Bool {
        Side.allCases.allSatisfy { outcomes[$0] != nil || write(on: $0) == nil }
    }

    /// Whether the entry deletes anything; such entries come last.
    var deletes: Bool { write(on: .left) == .delete || write(on: .right) == .delete }

    /// An insert in two steps: without the fields that close a circle, and then with them. Nil when there is nothing
    /// to leave out. The first step is a true agreement about a smaller record: the source's record counts as if its
    /// references were changed afterwards, so an interruption between the steps heals itself.
    func inTwoSteps(nulling fields: Set<Int>, keyFields: [Int]) throws -> (
        first: PlanEntry, second: PlanEntry
    )? {
        guard case .write(let writes, let decided) = decision else { return nil }
        for side in Side.allCases {
            guard case .insert(let record)? = writes[side], writes[side.other] == nil,
                let source = seen[side.other], fields.isDisjoint(with: keyFields)
            else { continue }
            let count = try record.slices().count
            let moving = (0..<count).map { fields.contains($0) ? nil : Optional($0) }
            let partial = try record.moved(moving)
            guard partial != record else { return nil }
            let partialSource = Record(
                key: source.key, locator: source.locator, fields: try source.fields.moved(moving))
            var step = Sides<Write?>(left: nil, right: nil)
            var first = self
            step[side] = .insert(partial)
            first.decision = .write(step, decided: decided)
            first.seen[side.other] = partialSource

            var second = self
            step[side] = .update(record, fields: fields.sorted())
            second.decision = .write(step, decided: [])
            return (first, second)
        }
        return nil
    }

    /// The second step once the first is done: it finds what the store made of the first, under the id it gave.
    func following(_ made: Sides<Record?>) throws -> PlanEntry? {
        guard case .write(let writes, _) = decision else { return nil }
        for side in Side.allCases {
            guard case .update(let record, let fields)? = writes[side], let now = made[side] else { continue }
            var slices: [Int: ArraySlice<UInt8>] = [:]
            let wanted = try record.slices()
            for field in fields { slices[field] = wanted[field] }
            var entry = self
            var step = Sides<Write?>(left: nil, right: nil)
            step[side] = .update(try now.fields.replacing(slices), fields: fields)
            entry.decision = .write(step, decided: [])
            entry.seen[side] = now
            // An unlinked record is known by its left id as soon as it has one.
            if seen.left == nil, let left = made.left { entry.key = left.key }
            return entry
        }
        return nil
    }
}
