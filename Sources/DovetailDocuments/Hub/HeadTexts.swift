import Synchronization

/// The proven texts of heads, the most recently used ones, as many as fit.
final class HeadTexts: Sendable {
    struct Entry: Sendable {
        var sequence: Int64
        var text: ReplayedText
    }

    private struct State {
        var entries: [DocumentKey: (entry: Entry, used: UInt64)] = [:]
        var bytes = 0
        var uses: UInt64 = 0
    }

    private let limit: Int
    private let state = Mutex(State())
    /// What an entry takes beside its text, about.
    private static let overhead = 256

    init(limit: Int) { self.limit = limit }

    /// The text of a head, if it is the one that is kept.
    func text(of key: DocumentKey, at sequence: Int64) -> ReplayedText? {
        state.withLock { state in
            guard let found = state.entries[key], found.entry.sequence == sequence else { return nil }
            state.uses += 1
            state.entries[key]?.used = state.uses
            return found.entry.text
        }
    }

    func keep(_ text: ReplayedText, of key: DocumentKey, at sequence: Int64) {
        state.withLock { state in
            Self.remove(key, from: &state)
            let size = text.size + Self.overhead
            guard size <= limit else { return }
            state.uses += 1
            state.entries[key] = (Entry(sequence: sequence, text: text), state.uses)
            state.bytes += size
            if state.bytes > limit { Self.shrink(&state, to: limit - limit / 4) }
        }
    }

    func forget(_ key: DocumentKey) { state.withLock { Self.remove(key, from: &$0) } }

    func forgetAll() { state.withLock { $0 = State() } }

    var bytes: Int { state.withLock(\.bytes) }

    private static func remove(_ key: DocumentKey, from state: inout State) {
        guard let old = state.entries.removeValue(forKey: key) else { return }
        state.bytes -= old.entry.text.size + overhead
    }

    /// A quarter goes at once, so that sorting costs little per entry.
    private static func shrink(_ state: inout State, to size: Int) {
        for (key, _) in state.entries.sorted(by: { $0.value.used < $1.value.used }) {
            guard state.bytes > size else { return }
            remove(key, from: &state)
        }
    }
}
