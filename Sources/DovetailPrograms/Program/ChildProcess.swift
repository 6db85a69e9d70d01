import CSpawn
import DovetailEngine
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A program that runs beside us: we write to its stdin and read its stdout, and what it says on stderr goes to ours.
///
/// It is in a process group of its own: what interrupts us at a terminal is ours to tell it. It ends when its stdin does, and so
/// also when we are killed.
final class ChildProcess: Sendable {
    let input: StreamEnd
    let output: StreamEnd
    private let process: pid_t
    private let words: LastWords
    /// How it ended; nil: it runs.
    private let status = Mutex<Int32?>(nil)

    /// - Parameters:
    ///   - directory: where it starts, so that paths among its arguments are relative to it.
    /// - Throws: ``ReplicaError`` when there is no such program, or it can't be started.
    init(path: String, arguments: [String], directory: String, name: String) throws {
        try Self.check(path, name)
        do {
            let input = try StreamEnd.pipe()
            let output = try StreamEnd.pipe()
            let errors = try StreamEnd.pipe()
            let theirs = [input.reading, output.writing, errors.writing]
            // They are closed here once the program has them.
            process = try withExtendedLifetime(theirs) {
                try Self.spawn(path, arguments, directory, theirs.map(\.descriptor))
            }
            self.input = input.writing
            self.output = output.reading
            self.input.makeNonBlocking()
            self.output.makeNonBlocking()
            words = LastWords(
                errors.reading, name: path.split(separator: "/").last.map(String.init) ?? path)
        } catch StreamFailure.system(let code) {
            throw Self.failure(code, path, name)
        }
    }

    private static func check(_ path: String, _ name: String) throws {
        var facts = stat()
        guard stat(path, &facts) == 0 else { throw failure(errno, path, name) }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw ReplicaError(
                .unsuitable, replica: name, "\(path) is no program; name a file that can be run")
        }
        guard access(path, X_OK) == 0 else { throw failure(errno, path, name) }
    }

    private static func failure(_ code: Int32, _ path: String, _ name: String) -> ReplicaError {
        switch code {
        case ENOENT, ENOTDIR:
            ReplicaError(
                .missing, replica: name,
                "no such program: \(path); check the path, and that it was built. One that is sought in PATH is"
                    + " started by program:/usr/bin/env NAME")
        case EACCES, EPERM:
            ReplicaError(.forbidden, replica: name, "\(path) may not be run; make it so: chmod +x \(path)")
        case ENOEXEC:
            ReplicaError(
                .unsuitable, replica: name,
                "\(path) is no program; a script begins with a line that says what runs it: #!/usr/bin/env python3"
            )
        default:
            ReplicaError(
                .failed, replica: name, "\(path) can't be started: \(String(cString: strerror(code)))")
        }
    }

    private static func spawn(
        _ path: String, _ arguments: [String], _ directory: String, _ streams: [Int32]
    ) throws(StreamFailure) -> pid_t {
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        var code = dovetail_spawn(&process, path, words, directory, streams)
        // Someone who just wrote the program may have it open for a moment: a process that is forked meanwhile has it until it runs.
        var patience = 40
        while code == ETXTBSY, patience > 0 {
            usleep(25_000)
            patience -= 1
            code = dovetail_spawn(&process, path, words, directory, streams)
        }
        guard code == 0 else { throw .system(code) }
        return process
    }

    /// How it ended, once it did.
    private func ended() -> Int32? {
        status.withLock { status in
            if let status { return status }
            var found: Int32 = 0
            guard waitpid(process, &found, WNOHANG) == process else { return nil }
            status = found
            return found
        }
    }

    private func waitForEnd(_ patience: Duration) -> Int32? {
        let deadline = ContinuousClock.now + patience
        while true {
            if let status = ended() { return status }
            guard ContinuousClock.now < deadline else { return nil }
            usleep(2_000)
        }
    }

    /// Ends its stdin, waits for it to end, and stops it when it does not. Blocks, at most as long as both take.
    func end(patience: Duration) {
        input.close()
        for signal in [SIGTERM, SIGKILL] {
            if waitForEnd(signal == SIGTERM ? patience : .seconds(2)) != nil { break }
            kill(-process, signal)
        }
        _ = waitForEnd(.seconds(2))
        words.waitForEnd()
        output.close()
    }

    /// How it ended and what it last said, for a message; nil: it still runs after a moment.
    var ending: String? {
        guard let status = waitForEnd(.seconds(2)) else { return nil }
        let signal = status & 0x7f
        let how =
            signal != 0
            ? "it was killed by signal \(signal) (\(String(cString: strsignal(signal))))"
            : "it ended with exit status \(status >> 8 & 0xff)"
        return how + words.quoted
    }

    /// What it last said, as the end of a message.
    var saying: String { words.quoted }
}

/// What a program writes to stderr: handed on line by line, and the last lines kept.
private final class LastWords: Sendable {
    private struct State {
        var lines: [String] = []
        var isAtEnd = false
    }

    private let state = Mutex(State())
    private static let kept = 5

    init(_ stream: StreamEnd, name: String) {
        let thread = Thread { [self] in
            var reader = LineReader(stream)
            reading: while let event = try? reader.next() {
                switch event {
                case .line(let bytes): note(String(decoding: bytes, as: UTF8.self), name)
                case .end, .endless, .woken: break reading
                }
            }
            let rest = reader.rest(limit: 400)
            if !rest.isEmpty { note(rest, name) }
            state.withLock { $0.isAtEnd = true }
        }
        thread.name = "stderr of \(name)"
        thread.start()
    }

    private func note(_ line: String, _ name: String) {
        // A terminal obeys what a program writes: not through us.
        let plain = String(line.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f || $0 == "\t" })
        state.withLock { state in
            if state.lines.count == Self.kept { state.lines.removeFirst() }
            state.lines.append(String(plain.prefix(400)))
        }
        try? StreamEnd(2).write(Array("\(name): \(plain)\n".utf8))
    }

    /// Waits a moment for what is still in the pipe: another program that it started may hold that longer.
    func waitForEnd() {
        let deadline = ContinuousClock.now + .milliseconds(300)
        while !state.withLock(\.isAtEnd), ContinuousClock.now < deadline { usleep(2_000) }
    }

    /// `; it said: …`, or nothing.
    var quoted: String {
        waitForEnd()
        let lines = state.withLock(\.lines)
        return lines.isEmpty ? "" : "; it said: \(lines.joined(separator: " · "))"
    }
}
