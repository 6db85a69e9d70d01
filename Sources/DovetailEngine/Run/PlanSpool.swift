public import Dovetail

import Foundation

/// The entries of one table's plan, in memory while they are few and in an unlinked temporary file when they are
/// many, so that a million operations do not fill memory.
///
/// A class because planner and run share it; it is used by one task.
public final class PlanSpool: PlanSink {
    /// Bytes kept in memory before the spool goes to disk.
    private let threshold: Int
    private var buffer: [UInt8] = []
    private var file: FileHandle?
    /// Number of entries.
    public private(set) var count = 0

    public init(threshold: Int = 4 << 20) { self.threshold = threshold }

    public func emit(_ entry: PlanEntry) throws {
        var writer = ByteWriter(reserving: 256)
        entry.encode(to: &writer)
        withUnsafeBytes(of: UInt32(writer.bytes.count).littleEndian) { buffer.append(contentsOf: $0) }
        buffer.append(contentsOf: writer.bytes)
        count += 1
        if buffer.count >= threshold { try spill() }
    }

    private func spill() throws {
        let handle = try file ?? Self.temporaryFile()
        file = handle
        try handle.write(contentsOf: buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    private static func temporaryFile() throws -> FileHandle {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "dovetail-\(UUID().uuidString).plan")
        guard
            FileManager.default.createFile(
                atPath: url.path, contents: nil, attributes: [.posixPermissions: 0o600])
        else { throw SpoolError(path: url.path) }
        let handle = try FileHandle(forUpdating: url)
        // Unlinked at once: nothing of it is left behind, whatever happens to the process.
        try FileManager.default.removeItem(at: url)
        return handle
    }

    /// Reads the entries from the start, in chunks.
    public func reader() throws -> Reader {
        if file != nil, !buffer.isEmpty { try spill() }
        try file?.seek(toOffset: 0)
        return Reader(file: file, buffer: file == nil ? buffer : [])
    }

    /// Walks a spool once.
    public struct Reader {
        private let file: FileHandle?
        private var buffer: [UInt8]
        private var position = 0

        init(file: FileHandle?, buffer: [UInt8]) {
            self.file = file
            self.buffer = buffer
        }

        /// The next entry, nil at the end.
        public mutating func next() throws -> PlanEntry? {
            guard try fill(4) else { return nil }
            var size = 0
            for offset in (0..<4).reversed() { size = size << 8 | Int(buffer[position + offset]) }
            guard try fill(4 + size) else { throw SpoolError(path: "the plan's temporary file") }
            var reader = ByteReader(buffer[(position + 4)..<(position + 4 + size)])
            position += 4 + size
            return try PlanEntry(from: &reader)
        }

        /// Up to `limit` entries that `isWanted`.
        public mutating func next(_ limit: Int, where isWanted: (PlanEntry) -> Bool) throws -> [PlanEntry] {
            var chunk: [PlanEntry] = []
            while chunk.count < limit, let entry = try next() {
                if isWanted(entry) { chunk.append(entry) }
            }
            return chunk
        }

        private mutating func fill(_ bytes: Int) throws -> Bool {
            while buffer.count - position < bytes {
                guard let file, let more = try file.read(upToCount: 1 << 20), !more.isEmpty else {
                    return false
                }
                buffer.removeSubrange(0..<position)
                position = 0
                buffer.append(contentsOf: more)
            }
            return true
        }
    }
}

/// The temporary file of a plan could not be used.
public struct SpoolError: Error, Sendable, CustomStringConvertible {
    let path: String
    public var description: String { "\(path) can't be written; free some space there, or set TMPDIR" }
}
