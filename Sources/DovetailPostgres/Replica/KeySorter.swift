import Dovetail
import DovetailEngine
import Foundation

/// Sorts records by their keys in bounded memory: runs of some megabytes go to an unlinked temporary file and are
/// merged.
///
/// For keys whose order no expression of PostgreSQL gives: JSON, lists, geometries, values under a conversion.
final class KeySorter {
    private static let blockBytes = 256 << 10

    private let memory: Int
    private var gathered: [Record] = []
    private var gatheredBytes = 0
    private var file: FileHandle?
    private var fileEnd: UInt64 = 0
    private var runs: [Run] = []
    private var isMerging = false
    /// The next record in memory, where all of them fit there.
    private var position = 0

    /// How many sorted parts went to the file.
    var runCount: Int { runs.count }

    /// - Parameter memory: How many bytes of records to gather before they go to the file.
    init(memory: Int = 16 << 20) { self.memory = memory }

    func add(_ batch: RecordBatch) throws {
        gathered.append(contentsOf: batch.records())
        gatheredBytes += batch.byteCount
        if gatheredBytes >= memory { try spill() }
    }

    /// The next records in order; nil at the end. Nothing is added afterwards.
    func next(target: Int) throws -> RecordBatch? {
        if !isMerging {
            isMerging = true
            if runs.isEmpty { gathered.sort { $0.key < $1.key } } else { try spill() }
        }
        var builder = BatchBuilder(capacity: target + (64 << 10))
        while builder.byteCount < target, let record = try pop() { builder.append(record) }
        return builder.count > 0 ? builder.seal() : nil
    }

    private func pop() throws -> Record? {
        guard !runs.isEmpty else {
            guard position < gathered.count else { return nil }
            defer { position += 1 }
            return gathered[position]
        }
        guard let file else { return nil }
        // Runs are few: sixteen megabytes each.
        var least: Int?
        for index in runs.indices {
            guard let key = try runs[index].peek(file)?.key else { continue }
            if let best = least, let bestKey = try runs[best].peek(file)?.key, bestKey <= key { continue }
            least = index
        }
        return least.flatMap { runs[$0].take() }
    }

    private func spill() throws {
        guard !gathered.isEmpty else { return }
        gathered.sort { $0.key < $1.key }
        let file = try file ?? Self.temporaryFile()
        self.file = file
        try file.seek(toOffset: fileEnd)
        let start = fileEnd
        var block: [UInt8] = []
        for record in gathered {
            for part in [record.key.bytes, record.locator, record.fields.bytes] {
                block.append(bigEndian: UInt32(part.count))
                block.append(contentsOf: part)
            }
            if block.count >= Self.blockBytes {
                try file.write(contentsOf: block)
                fileEnd += UInt64(block.count)
                block.removeAll(keepingCapacity: true)
            }
        }
        try file.write(contentsOf: block)
        fileEnd += UInt64(block.count)
        runs.append(Run(offset: start, end: fileEnd))
        gathered = []
        gatheredBytes = 0
    }

    private static func temporaryFile() throws -> FileHandle {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "dovetail-\(UUID().uuidString).sort")
        guard
            FileManager.default.createFile(
                atPath: url.path, contents: nil, attributes: [.posixPermissions: 0o600])
        else {
            throw PostgresFailure(message: "a temporary file can't be made at \(url.path); is there room?")
        }
        let handle = try FileHandle(forUpdating: url)
        // Unlinked at once: nothing of it is left behind, whatever happens to the process.
        try FileManager.default.removeItem(at: url)
        return handle
    }

    /// A sorted part of the file that is being read.
    private struct Run {
        var offset: UInt64
        let end: UInt64
        private var block: [UInt8] = []
        private var position = 0
        private var ahead: Record?

        init(offset: UInt64, end: UInt64) {
            self.offset = offset
            self.end = end
        }

        mutating func peek(_ file: FileHandle) throws -> Record? {
            if ahead == nil { ahead = try read(file) }
            return ahead
        }

        mutating func take() -> Record? {
            defer { ahead = nil }
            return ahead
        }

        private mutating func read(_ file: FileHandle) throws -> Record? {
            guard position < block.count || offset < end else { return nil }
            let key = try part(file)
            let locator = try part(file)
            return Record(
                key: RecordKey(bytes: key), locator: locator, fields: PackedRecord(bytes: try part(file)))
        }

        private mutating func part(_ file: FileHandle) throws -> [UInt8] {
            try fill(4, file)
            let count = block[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
            try fill(4 + count, file)
            defer { position += 4 + count }
            return Array(block[position + 4..<position + 4 + count])
        }

        /// Sees to it that so many bytes are there.
        private mutating func fill(_ count: Int, _ file: FileHandle) throws {
            guard block.count - position < count else { return }
            block.removeSubrange(..<position)
            position = 0
            try file.seek(toOffset: offset)
            let wanted = min(max(count - block.count, KeySorter.blockBytes), Int(end - offset))
            let read = try file.read(upToCount: wanted) ?? Data()
            offset += UInt64(read.count)
            block.append(contentsOf: read)
            guard block.count >= count else {
                throw PostgresFailure(message: "the temporary file for sorting was cut off")
            }
        }
    }
}
