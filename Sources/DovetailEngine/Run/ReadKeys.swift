import Dovetail

extension Sides where Content == any Observation {
    /// The records of both sides that are asked for, each in the order of a snapshot: whoever joins them can't tell
    /// the difference.
    func read(
        _ references: Sides<[RecordReference]>, of views: Sides<TableView>
    ) async throws -> Sides<BatchCursor> {
        async let left = left.read(references.left, of: views.left)
        async let right = right.read(references.right, of: views.right)
        return Sides<BatchCursor>(left: Self.cursor(try await left), right: Self.cursor(try await right))
    }

    /// Records of one key by their locators: the same input gives the same plan.
    private static func cursor(_ records: [Record]) -> BatchCursor {
        let ordered = records.sorted { a, b in
            a.key == b.key ? a.locator.lexicographicallyPrecedes(b.locator) : a.key < b.key
        }
        return BatchCursor([RecordBatch(ordered)])
    }
}
