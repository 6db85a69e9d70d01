/// Which files were written to, and since when they have been quiet: an editor's save is many steps, and only its end is to be read.
///
/// A value that is told what happens and when, and says what is to be read when. Each file is read twice, in the middle and at the end
/// of its quiet time; it is settled when both reads and all events agree.
struct Settling: Sendable {
    /// Waiting times, in microseconds.
    struct Times: Sendable, Hashable {
        /// Without an event.
        var quiet: Int64 = 250_000
        /// Of a file that is gone: editors remove a file and make it again.
        var gone: Int64 = 1_000_000
        /// Of a file that is empty and was not: editors empty a file before they write it.
        var emptied: Int64 = 2_000_000
        /// Of a file that someone holds open and writes to.
        var open: Int64 = 3_000_000
        /// In all, for a file that is never quiet.
        var longest: Int64 = 10_000_000
    }

    /// What a read found.
    struct Content: Sendable, Hashable {
        var hash: TextHash?
        var isEmptied: Bool
    }

    private struct File: Sendable {
        var first: Int64
        var last: Int64
        var isOpen: Bool
        var seen: Content?
        var seenAt: Int64 = 0
    }

    var times: Times
    private var files: [String: File] = [:]

    init(times: Times) { self.times = times }

    /// Something happened to a file.
    /// - Parameter isOpen: whether whoever did it has the file open still.
    mutating func happened(to path: String, isOpen: Bool, at now: Int64) {
        var file = files[path] ?? File(first: now, last: now, isOpen: isOpen)
        file.last = now
        file.isOpen = isOpen
        file.seen = nil
        files[path] = file
    }

    /// Files to be read now.
    func due(at now: Int64) -> [String] {
        files.filter { now >= moment(of: $0.value) }.map(\.key).sorted()
    }

    /// When the next file is to be read; nil: none.
    var next: Int64? { files.values.map(moment).min() }

    private func moment(of file: File) -> Int64 {
        guard let seen = file.seen else {
            return min(file.last + times.quiet / 2, file.first + times.longest)
        }
        let wait =
            seen.hash == nil
            ? times.gone
            : seen.isEmptied ? times.emptied : file.isOpen ? times.open : times.quiet
        return max(file.last + wait, file.seenAt + 1)
    }

    /// There is nothing to be known of a file.
    mutating func forget(_ path: String) { files[path] = nil }

    /// A due file was read.
    /// - Returns: whether it is settled; then it is forgotten.
    mutating func read(_ path: String, _ content: Content, at now: Int64) -> Bool {
        guard var file = files[path] else { return false }
        let isLast = now >= file.first + times.longest
        if let seen = file.seen, seen != content {
            // It was written to without an event.
            if !isLast { file.last = now }
        } else if file.seen != nil {
            files[path] = nil
            return true
        }
        file.seen = content
        file.seenAt = now
        files[path] = file
        return false
    }
}
