import Dovetail

/// Reads a cursor two batches ahead, so that both sides are read while the last batches are joined.
struct Prefetch: ~Copyable {
    private let cursor: (any RecordCursor)?
    /// Each read starts when the one before it has ended: a cursor is used by one task at a time.
    private var ahead: [Task<RecordBatch?, any Error>] = []

    init(_ cursor: (any RecordCursor)?) {
        self.cursor = cursor
        guard cursor != nil else { return }
        for _ in 0..<2 { readOn() }
    }

    private mutating func readOn() {
        guard let cursor else { return }
        let before = ahead.last
        ahead.append(
            Task {
                if let before, try await before.value == nil { return nil }
                return try await cursor.next()
            })
    }

    /// The next batch; nil at the end, and at once when there is no cursor.
    mutating func next() async throws -> RecordBatch? {
        guard let task = ahead.first else { return nil }
        let batch = try await task.value
        ahead.removeFirst()
        if batch == nil {
            await settle()
        } else {
            readOn()
        }
        return batch
    }

    /// Waits for the batches being read, so that nothing touches the cursor afterwards.
    mutating func settle() async {
        for task in ahead { task.cancel() }
        for task in ahead { _ = await task.result }
        ahead = []
    }
}

/// Runs a merge join over three cursors.
func join<Sink: JoinSink>(
    base: (any RecordCursor)?, left: (any RecordCursor)?, right: (any RecordCursor)?,
    visitsEqual: Bool = true,
    betweenBatches: (() async throws -> Void)? = nil,
    into sink: inout Sink
) async throws -> MergeJoin {
    var base = Prefetch(base)
    var left = Prefetch(left)
    var right = Prefetch(right)
    var join = MergeJoin(visitsEqual: visitsEqual)
    do {
        while let stream = try join.run(into: &sink) {
            try Task.checkCancellation()
            try await betweenBatches?()
            switch stream {
            case .base: try join.feed(try await base.next(), to: .base)
            case .left: try join.feed(try await left.next(), to: .left)
            case .right: try join.feed(try await right.next(), to: .right)
            }
        }
    } catch {
        await base.settle()
        await left.settle()
        await right.settle()
        throw error
    }
    return join
}

/// A cursor over batches that are already there.
struct BatchCursor: RecordCursor {
    private let batches: Batches

    /// Hands out its batches once.
    private actor Batches {
        var rest: [RecordBatch]
        init(_ batches: [RecordBatch]) { rest = batches }
        func next() -> RecordBatch? { rest.isEmpty ? nil : rest.removeFirst() }
    }

    init(_ batches: [RecordBatch]) { self.batches = Batches(batches) }

    func next() async throws -> RecordBatch? { await batches.next() }
}
