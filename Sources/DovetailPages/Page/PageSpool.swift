import Foundation

/// Text that waits in an unlinked temporary file until its place in the page comes.
///
/// A class because it is filled in one place and emptied in another; it is used by one task.
final class PageSpool {
    private let file: FileHandle
    private var buffer: [UInt8] = []
    private(set) var count = 0

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "dovetail-\(UUID().uuidString).page")
        guard
            FileManager.default.createFile(
                atPath: url.path, contents: nil, attributes: [.posixPermissions: 0o600])
        else {
            throw PageFileError(.full, "\(url.path) can't be written; free some space there, or set TMPDIR")
        }
        file = try FileHandle(forUpdating: url)
        // Unlinked at once: nothing of it is left behind, whatever happens to the process.
        try FileManager.default.removeItem(at: url)
    }

    func append(_ text: String) throws {
        let before = buffer.count
        buffer.append(contentsOf: text.utf8)
        count += buffer.count - before
        if buffer.count >= 1 << 20 { try flush() }
    }

    private func flush() throws {
        try file.write(contentsOf: buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Hands over everything, in chunks.
    func copy(to put: (Data) throws -> Void) throws {
        try flush()
        try file.seek(toOffset: 0)
        while let chunk = try file.read(upToCount: 1 << 20), !chunk.isEmpty { try put(chunk) }
    }
}
