import CSpawn
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One end of a stream, closed with its last owner.
final class StreamEnd: Sendable {
    private let number: Mutex<Int32>

    init(_ descriptor: Int32) { number = Mutex(descriptor) }
    deinit { close() }

    /// -1 once it is closed.
    var descriptor: Int32 { number.withLock { $0 } }

    func close() {
        number.withLock { number in
            // The standard streams are the process's own.
            if number > 2 { closeDescriptor(number) }
            number = -1
        }
    }

    /// Both ends of a new pipe, which children don't inherit: another child would else keep it open.
    static func pipe() throws(StreamFailure) -> (reading: StreamEnd, writing: StreamEnd) {
        var ends: [Int32] = [-1, -1]
        let code = dovetail_pipe(&ends)
        guard code == 0 else { throw .system(code) }
        return (StreamEnd(ends[0]), StreamEnd(ends[1]))
    }

    /// Reads and writes give up instead of waiting.
    func makeNonBlocking() { _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) }
}

private func closeDescriptor(_ number: Int32) { _ = close(number) }

/// Why nothing more comes or goes through a stream.
enum StreamFailure: Error {
    /// Nobody is at the other end.
    case ended
    case timeout
    case system(Int32)
}

extension StreamEnd {
    /// Waits until the stream can be read or written.
    /// - Returns: false when `wake` was written to before.
    func wait(
        for events: Int32, until deadline: ContinuousClock.Instant?, wake: StreamEnd? = nil
    ) throws(StreamFailure) -> Bool {
        while true {
            var polled = [pollfd(fd: descriptor, events: Int16(events), revents: 0)]
            if let wake { polled.append(pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0)) }
            var milliseconds: Int32 = -1
            if let deadline {
                let left = ContinuousClock.now.duration(to: deadline)
                guard left > .zero else { throw .timeout }
                milliseconds = Int32(min(left / .milliseconds(1), 60_000).rounded(.up))
            }
            let count = poll(&polled, nfds_t(polled.count), milliseconds)
            if count < 0, errno != EINTR { throw .system(errno) }
            guard count > 0 else { continue }
            if polled.count > 1, polled[1].revents != 0 { return false }
            if polled[0].revents != 0 { return true }
        }
    }

    /// Writes all of it. One that nobody reads ends it with an error, never with a signal.
    func write(_ bytes: [UInt8], until deadline: ContinuousClock.Instant? = nil) throws(StreamFailure) {
        var sent = 0
        while sent < bytes.count {
            _ = try wait(for: Int32(POLLOUT), until: deadline)
            let (count, code) = withoutBrokenPipeSignal {
                bytes.withUnsafeBytes { bytes in
                    let count = writeDescriptor(descriptor, UnsafeRawBufferPointer(rebasing: bytes[sent...]))
                    return (count, errno)
                }
            }
            if count > 0 {
                sent += count
            } else if code == EPIPE {
                throw .ended
            } else if code != EINTR, code != EAGAIN {
                throw .system(code)
            }
        }
    }
}

private func writeDescriptor(_ number: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(number, bytes.baseAddress, bytes.count)
}

/// SIGPIPE goes to the thread that writes: it is held back there, and taken away if it came. What the process does with the
/// signal otherwise is left as it is.
private func withoutBrokenPipeSignal<Result>(_ body: () -> Result) -> Result {
    var pipe = sigset_t()
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    var pending = sigset_t()
    sigpending(&pending)
    let wasPending = sigismember(&pending, SIGPIPE) == 1
    var before = sigset_t()
    pthread_sigmask(SIG_BLOCK, &pipe, &before)
    let result = body()
    if !wasPending {
        sigpending(&pending)
        var signal: Int32 = 0
        if sigismember(&pending, SIGPIPE) == 1 { sigwait(&pipe, &signal) }
    }
    pthread_sigmask(SIG_SETMASK, &before, nil)
    return result
}

/// Takes a stream apart into lines. For one thread.
struct LineReader {
    private let end: StreamEnd
    private var buffer: [UInt8] = []
    /// So much of the buffer holds no line break.
    private var searched = 0

    init(_ end: StreamEnd) { self.end = end }

    enum Event {
        /// Without its line break.
        case line([UInt8])
        case end
        /// Someone wrote to the wake stream.
        case woken
        /// More bytes than any line has.
        case endless
    }

    /// What came before the next line break, at most `limit` bytes: for a message.
    func rest(limit: Int) -> String { String(decoding: buffer.prefix(limit), as: UTF8.self) }

    /// - Throws: ``StreamFailure``
    mutating func next(until deadline: ContinuousClock.Instant? = nil, wake: StreamEnd? = nil)
        throws(StreamFailure) -> Event
    {
        while true {
            if let newline = lineBreak() {
                let line = Array(buffer[..<newline])
                buffer.removeFirst(newline + 1)
                searched = 0
                return .line(line)
            }
            searched = buffer.count
            guard buffer.count <= Wire.longestLine else { return .endless }
            guard try end.wait(for: Int32(POLLIN), until: deadline, wake: wake) else { return .woken }
            let (count, code) = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { room in
                let count = read(end.descriptor, room.baseAddress, room.count)
                let code = errno
                if count > 0 { buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: room[..<count])) }
                return (count, code)
            }
            if count == 0 { return .end }
            if count < 0, code != EINTR, code != EAGAIN { throw .system(code) }
        }
    }

    private func lineBreak() -> Int? {
        buffer.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress, searched < bytes.count else { return nil }
            return memchr(start + searched, 0x0a, bytes.count - searched).map { UnsafeRawPointer($0) - start }
        }
    }
}
