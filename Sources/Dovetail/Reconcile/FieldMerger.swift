/// Merges two versions of a record field by field.
struct FieldMerger: Sendable {
    let schema: TableSchema
    let rules: TableRules

    /// What becomes of one field.
    private enum Outcome {
        /// Both sides are fine as they are.
        case stands
        /// The value of `side` goes to the other side.
        case take(Side, Decided?)
        /// Both sides get a value that neither had.
        case combine(Value, Decided)
        case conflict(FieldConflict)
    }

    /// Merges `left` and `right`, both present. With no base every difference is a difference of both.
    func merge(
        base: BaseRecord?, left: PackedRecord, right: PackedRecord, resolution: Resolution?
    ) throws -> Decision {
        let l = try left.slices()
        let r = try right.slices()
        let baseLeft = try base?.left.slices()
        let baseRight = try base?.right.slices()
        guard l.count == schema.fields.count, r.count == l.count,
            baseLeft.map({ $0.count == l.count }) ?? true, baseRight.map({ $0.count == l.count }) ?? true
        else {
            throw PackingError("it has \(l.count) and \(r.count) fields where \(schema.fields.count) are due")
        }

        var toLeft: [Int: ArraySlice<UInt8>] = [:]
        var toRight: [Int: ArraySlice<UInt8>] = [:]
        var decided: [Decided] = []
        var conflicts: [FieldConflict] = []
        for index in l.indices {
            let options = schema.fields[index].options
            var leftChanged = try baseLeft.map { try !same($0[index], l[index], options) } ?? true
            var rightChanged = try baseRight.map { try !same($0[index], r[index], options) } ?? true
            // Steps too small to count add up: sides that have come apart so count what moved since they were equal.
            if options.tolerance != nil, !leftChanged, !rightChanged, let bl = baseLeft?[index],
                let br = baseRight?[index],
                try same(bl, br, options), try !same(l[index], r[index], options)
            {
                leftChanged = bl != l[index]
                rightChanged = br != r[index]
            }
            let common = leftChanged && rightChanged ? Self.common(baseLeft?[index], baseRight?[index]) : nil
            switch try outcome(
                index, leftChanged, rightChanged, l[index], r[index], base: common, left, right, resolution)
            {
            case .stands: break
            case .take(.left, let why):
                toRight[index] = l[index]
                decided += why.map { [$0] } ?? []
            case .take(.right, let why):
                toLeft[index] = r[index]
                decided += why.map { [$0] } ?? []
            case .combine(let value, let why):
                var writer = ByteWriter()
                writer.put(value)
                if writer.bytes[...] != l[index] { toLeft[index] = writer.bytes[...] }
                if writer.bytes[...] != r[index] { toRight[index] = writer.bytes[...] }
                decided.append(why)
            case .conflict(let conflict): conflicts.append(conflict)
            }
        }
        // A record with one undecided field is held back whole: every record is as it was or as it shall be.
        if !conflicts.isEmpty { return .conflict(.fields(conflicts)) }
        if toLeft.isEmpty, toRight.isEmpty { return .agree }
        return .write(
            Sides(left: try update(left, toLeft), right: try update(right, toRight)), decided: decided)
    }

    /// The base as a conflict shows it and texts merge from it. Where the stores gave it back in two forms, the lesser one:
    /// the left one would make the plan depend on which side is called left.
    private static func common(_ a: ArraySlice<UInt8>?, _ b: ArraySlice<UInt8>?) -> ArraySlice<UInt8>? {
        guard let a, let b else { return nil }
        return b.lexicographicallyPrecedes(a) ? b : a
    }

    private func update(_ record: PackedRecord, _ fields: [Int: ArraySlice<UInt8>]) throws -> Write? {
        fields.isEmpty ? nil : .update(try record.replacing(fields), fields: fields.keys.sorted())
    }

    private func same(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>, _ options: FieldOptions) throws -> Bool
    {
        if a == b { return true }
        if options.isExact { return false }
        return options.equal(try value(a), try value(b))
    }

    private func value(_ slice: ArraySlice<UInt8>) throws -> Value {
        var reader = ByteReader(slice)
        return try reader.value()
    }

    private func outcome(
        _ index: Int, _ leftChanged: Bool, _ rightChanged: Bool, _ l: ArraySlice<UInt8>,
        _ r: ArraySlice<UInt8>,
        base: ArraySlice<UInt8>?, _ left: PackedRecord, _ right: PackedRecord, _ resolution: Resolution?
    ) throws -> Outcome {
        let field = schema.fields[index]
        guard leftChanged || rightChanged, try !same(l, r, field.options) else { return .stands }
        if let source = rules.direction.source {
            let overruled = source == .left ? rightChanged : leftChanged
            return .take(
                source, overruled ? Decided(field: field.name, winner: source, by: .direction) : nil)
        }
        switch (leftChanged, rightChanged) {
        case (false, false): return .stands
        case (true, false): return .take(.left, nil)
        case (false, true): return .take(.right, nil)
        case (true, true): break
        }
        if let resolution, let outcome = resolve(field, resolution) { return outcome }
        return try decide(field, l, r, base: base, left, right)
    }

    /// A person's choice; nil when it says nothing about this field, which then stays in conflict.
    private func resolve(_ field: Field, _ resolution: Resolution) -> Outcome? {
        let choice: Resolution.FieldChoice? =
            switch resolution.choice {
            case .side(let side): .side(side)
            case .fields(let choices): choices[field.name]
            }
        switch choice {
        case .side(let side)?: return .take(side, Decided(field: field.name, winner: side, by: .person))
        case .value(let value)?:
            return .combine(value, Decided(field: field.name, winner: nil, by: .person))
        case nil: return nil
        }
    }

    /// Both sides changed the field to different values: the policy decides, or nobody does.
    private func decide(
        _ field: Field, _ l: ArraySlice<UInt8>, _ r: ArraySlice<UInt8>, base: ArraySlice<UInt8>?,
        _ left: PackedRecord, _ right: PackedRecord
    ) throws -> Outcome {
        func conflict(_ cause: FieldConflict.Cause) throws -> Outcome {
            .conflict(
                FieldConflict(
                    field: field.name, base: try base.map(value), left: try value(l), right: try value(r),
                    cause: cause))
        }
        switch rules.policy(for: field.name) {
        case .ask: return try conflict(.asks)
        case .left: return .take(.left, Decided(field: field.name, winner: .left, by: .policy))
        case .right: return .take(.right, Decided(field: field.name, winner: .right, by: .policy))
        case .newest(let clock):
            guard let index = schema.index(of: clock),
                let winner = newer(try left.value(at: index), try right.value(at: index))
            else { return try conflict(.notNewer) }
            return .take(winner, Decided(field: field.name, winner: winner, by: .policy))
        case .merge:
            guard case .text(let ours) = try value(l), case .text(let theirs) = try value(r),
                let base, case .text(let common) = try value(base),
                let merged = TextMerge.merge(base: common, left: ours, right: theirs)
            else { return try conflict(.notMergeable) }
            return .combine(.text(merged), Decided(field: field.name, winner: nil, by: .policy))
        }
    }

    /// The side with the later value; nil when they can't be told apart.
    private func newer(_ left: Value, _ right: Value) -> Side? {
        guard !left.isNull, !right.isNull else { return nil }
        let l = RecordKey([left]).bytes
        let r = RecordKey([right]).bytes
        // Values of two types have no order, only an order of their tags.
        guard l.first == r.first, l != r else { return nil }
        return l.lexicographicallyPrecedes(r) ? .right : .left
    }
}
