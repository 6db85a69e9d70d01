import Dovetail

extension ValueEncoder {
    /// PostgreSQL's own limit.
    private static let deepest = 6

    /// Appends an array: the number of its dimensions, whether it has nulls, the type of its elements, for each
    /// dimension length and lower bound, then the elements.
    func appendArray(_ items: [Value], to bytes: inout [UInt8]) throws(UnstorableValue) {
        let lengths = items.isEmpty ? [] : try lengths(items)
        bytes.append(bigEndian: Int32(lengths.count))
        // Nobody reads the mark for nulls: each element says it itself.
        bytes.append(bigEndian: Int32(0))
        bytes.append(bigEndian: transferredElement)
        for length in lengths {
            bytes.append(bigEndian: Int32(truncatingIfNeeded: length))
            bytes.append(bigEndian: Int32(1))
        }
        try appendElements(items, lengths[...], to: &bytes)
    }

    private var transferredElement: UInt32 {
        form.isTextForm || form.element == .inet ? BuiltIn.text : form.type.number
    }

    /// The lengths of all dimensions, as the first elements have them.
    private func lengths(_ items: [Value]) throws(UnstorableValue) -> [Int] {
        var lengths = [items.count]
        var first = items.first
        while case .list(let inner)? = first {
            guard !inner.isEmpty else { throw refusal("PostgreSQL can't hold an empty list inside a list") }
            lengths.append(inner.count)
            first = inner.first
        }
        guard lengths.count <= Self.deepest else {
            throw refusal("PostgreSQL's arrays have at most \(Self.deepest) dimensions")
        }
        return lengths
    }

    private func appendElements(
        _ items: [Value], _ lengths: ArraySlice<Int>, to bytes: inout [UInt8]
    ) throws(UnstorableValue) {
        guard items.count == lengths.first ?? 0 else { throw uneven }
        for item in items {
            if lengths.count > 1 {
                guard case .list(let inner) = item else { throw uneven }
                try appendElements(inner, lengths.dropFirst(), to: &bytes)
                continue
            }
            if case .list = item { throw uneven }
            let start = bytes.count
            guard !item.isNull else {
                bytes.append(bigEndian: Int32(-1))
                continue
            }
            bytes.append(bigEndian: Int32(0))
            try appendScalar(item, form.element, to: &bytes)
            try close(start, &bytes)
        }
    }

    private var uneven: UnstorableValue {
        refusal("all lists inside a list must have the same length in PostgreSQL")
    }
}
