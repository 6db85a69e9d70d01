import DovetailEngine
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file that is open for reading. Another program may put a new file in its place: this one goes on to be read.
///
/// It is read with `pread`, not mapped: a mapped file that someone cuts off kills the reader.
final class OpenFile: Sendable {
    let place: FilePlace
    let stamp: FileStamp
    private let descriptor: Int32

    /// - Throws: ``ReplicaError`` when it is not there, no file, or may not be read.
    init(_ place: FilePlace) throws {
        let descriptor = open(place.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw place.error(code: errno, doing: "read") }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else {
            let code = errno
            close(descriptor)
            throw place.error(code: code, doing: "read")
        }
        let stamp = FileStamp(facts)
        guard stamp.isRegular else {
            close(descriptor)
            throw place.error(
                .unsuitable,
                stamp.isFolder
                    ? "\(place.path) is a folder; name a file in it"
                    : "\(place.path) is no regular file; pipes and devices can't be read twice")
        }
        self.place = place
        self.stamp = stamp
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    var size: Int { stamp.size }

    /// Fills `buffer` from `offset`, as far as the file goes; returns how much that was.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset + done))
            if count > 0 {
                done += count
            } else if count == 0 {
                break
            } else if errno != EINTR {
                throw place.error(code: errno, doing: "read")
            }
        }
        return done
    }

    /// Some bytes of the file.
    func bytes(_ range: Range<Int>) throws -> [UInt8] {
        var failure: (any Error)?
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            do {
                count = try read(into: UnsafeMutableRawBufferPointer(buffer), at: range.lowerBound)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        guard bytes.count == range.count else { throw changed() }
        return bytes
    }

    /// - Throws: ``ReplicaError`` when someone wrote into the file since it was opened.
    func checkUnchanged() throws {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, FileStamp(facts).hasSameContent(as: stamp) else {
            throw changed()
        }
    }

    private func changed() -> ReplicaError {
        place.error(.locked, "\(place.path) was written to while it was read; run again when that is done")
    }
}

/// Reads a file from a place to its end through a window that moves on, and grows only for a record that is larger.
struct FileWindow: ~Copyable {
    private let file: OpenFile
    private var memory: UnsafeMutableRawPointer
    private var capacity: Int
    /// Where the window begins in the file.
    private(set) var offset: Int
    private var count = 0
    private(set) var isAtEnd = false
    /// A record larger than this is no record but a mistake, such as a quote that is never closed.
    static let largestRecord = 256 << 20

    init(_ file: OpenFile, from offset: Int, capacity: Int = 1 << 20) {
        self.file = file
        self.offset = offset
        self.capacity = capacity
        memory = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { memory.deallocate() }

    /// What is in the window now.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: count) }

    /// Drops the first `used` bytes and reads on behind the rest.
    /// - Throws: ``ContentProblem`` when the rest is larger than any record may be.
    mutating func advance(by used: Int) throws {
        let rest = count - used
        if used > 0 {
            memory.copyMemory(from: memory + used, byteCount: rest)
            offset += used
            count = rest
        }
        if rest == capacity {
            guard capacity < Self.largestRecord else {
                throw ContentProblem(
                    offset: offset, line: nil,
                    message: "a record that begins here has more than \(Self.largestRecord >> 20) MB;"
                        + " look for a quote or bracket that is never closed")
            }
            let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity * 2, alignment: 16)
            larger.copyMemory(from: memory, byteCount: rest)
            memory.deallocate()
            memory = larger
            capacity *= 2
        }
        let room = UnsafeMutableRawBufferPointer(start: memory + count, count: capacity - count)
        let got = try file.read(into: room, at: offset + count)
        count += got
        if got < room.count { isAtEnd = true }
    }
}
