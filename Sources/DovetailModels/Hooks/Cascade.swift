import Dovetail
import Synchronization

/// Deletes that take along what stands below, in a sync one way.
///
/// What stands below comes first in a run's deletes; so the hook of the record above is called when the first of them comes, and none
/// of theirs is.
final class Cascade: Sendable {
    private let source: Dataset
    private let destination: Dataset
    private let book: RuleBook
    private let calls = Mutex<[RecordName: Task<String?, any Error>]>([:])

    init(from source: Dataset, to destination: Dataset, _ book: RuleBook) {
        self.source = source
        self.destination = destination
        self.book = book
    }

    /// The topmost record that is deleted in this run and takes this one along, which may be this one itself; nil: there is none.
    func root(of name: RecordName) -> RecordName? {
        ([name] + destination.ancestors(of: name)).last { record in
            destination.deletesBelow(record.type) && !source.holds(record)
                && book.allowsDelete(of: record, in: destination)
        }
    }

    /// Deletes a record by its hook, once in a run. Gives back why it was refused; nil: it is gone.
    /// - Throws: `CancellationError`.
    func delete(_ name: RecordName, _ hook: @escaping @Sendable () async throws -> [HookRefusal]) async throws
        -> String?
    {
        let task = calls.withLock { calls in
            let task =
                calls[name]
                ?? Task {
                    do {
                        return try await hook().first?.reason
                    } catch let error as CancellationError {
                        throw error
                    } catch {
                        return "\(error)"
                    }
                }
            calls[name] = task
            return task
        }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }
}
