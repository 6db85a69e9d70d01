import Dovetail

extension MemoryStateStore {
    /// A store that holds what this one holds now, as a copy of its file would.
    package func copy() async -> MemoryStateStore {
        let copy = MemoryStateStore(name: name, identity: state.identity)
        await copy.take(
            state, bases, conflicts: conflictRecords, rejections: rejectionRecords, pending, history)
        return copy
    }

    private func take(
        _ state: JobState, _ bases: [String: MemoryBase], conflicts: [MemoryAddress: ConflictRecord],
        rejections: [MemoryAddress: RejectionRecord], _ pending: Set<MemoryAddress>, _ history: MemoryHistory
    ) {
        self.state = state
        self.bases = bases
        conflictRecords = conflicts
        rejectionRecords = rejections
        self.pending = pending
        self.history = history
    }
}
