import Synchronization
public import DovetailEngine

/// The state store in the memory of the process, for its suite.
public final class MemoryStateHarness: StateStoreHarness {
    private let isOpen = Mutex(false)

    public init() {}

    /// Nobody else can see the memory of a process: there is one store.
    public func open() async throws -> (any StateStore)? {
        let isFirst = isOpen.withLock { isOpen in
            defer { isOpen = true }
            return !isOpen
        }
        return isFirst ? MemoryStateStore(batchBytes: 64) : nil
    }

    public func openForReading() async throws -> (any StateStore)? { nil }

    public func destroy() async {}
}
