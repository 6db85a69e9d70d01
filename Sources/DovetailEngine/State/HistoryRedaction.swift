internal import Dovetail

extension HistoryRetention {
    /// Whether a run has had its time. `age` counts the runs that came after it.
    public func drops(_ run: RunRecord, age: Int, at time: Int64) -> Bool {
        let kept = Int64(max(days, 0)).multipliedReportingOverflow(by: 86_400_000_000)
        let tooOld = !kept.overflow && time - (run.ended ?? run.started) > kept.partialValue
        return age >= max(runs, 1) || tooOld
    }

    /// What may be kept of a change, or nil when all of it may.
    ///
    /// A store's refusal may quote the values it refused, so its words are cleared of them too. Keys stay:
    /// they say which record it was.
    /// - Parameter layout: The fields of the entry's records; where it is unknown, all of them are masked.
    public func redacting(
        _ entry: JournalEntry, reason: String?, layout: TableLayout?
    ) throws -> (entry: JournalEntry, reason: String?)? {
        switch values {
        case .full: return nil
        case .none:
            var entry = entry
            entry.base = nil
            entry.after = nil
            entry.seen = Sides(left: nil, right: nil)
            return (entry, reason == ChangeOutcome.interruptedReason ? reason : nil)
        case .masked:
            let masked = Mask(fields: maskedFields, layout: layout)
            var reason = reason
            var redacted = entry
            if let base = entry.base {
                redacted.base?.left = try masked.applied(to: base.left, &reason)
                redacted.base?.right = try masked.applied(to: base.right, &reason)
            }
            for side in Side.allCases {
                guard let seen = entry.seen[side] else { continue }
                redacted.seen[side]?.fields = try masked.applied(to: seen.fields, &reason)
            }
            redacted.after = try entry.after.map { try masked.applied(to: $0, &reason) }
            return (redacted, reason)
        }
    }

    /// The positions whose values are not kept.
    private struct Mask {
        /// Nil: all.
        private let positions: Set<Int>?

        init(fields: Set<String>, layout: TableLayout?) {
            if let layout, !fields.isEmpty {
                positions = Set(layout.fields.indices.filter { fields.contains(layout.fields[$0].name) })
            } else {
                positions = nil
            }
        }

        func applied(to record: PackedRecord, _ reason: inout String?) throws -> PackedRecord {
            let slices = try record.slices()
            var replacements: [Int: ArraySlice<UInt8>] = [:]
            let null = PackedRecord([Value.null]).bytes[...]
            for index in slices.indices where positions?.contains(index) ?? true {
                replacements[index] = null
                reason = reason.map { Self.clear($0, of: slices[index]) }
            }
            return replacements.isEmpty ? record : try record.replacing(replacements)
        }

        /// The words without the text of a value; short texts would match by chance and say nothing.
        private static func clear(_ reason: String, of packed: ArraySlice<UInt8>) -> String {
            var reader = ByteReader(packed)
            guard case .text(let text)? = try? reader.value(), text.utf8.count > 2 else { return reason }
            var rest = reason[...]
            var cleared = ""
            while let found = rest.firstRange(of: text) {
                cleared += rest[..<found.lowerBound] + "…"
                rest = rest[found.upperBound...]
            }
            return cleared + rest
        }
    }
}
