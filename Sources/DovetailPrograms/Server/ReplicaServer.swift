import CSpawn
public import DovetailEngine
import Foundation
import Synchronization

/// Serves a replica to another process, which reaches it as a ``ProgramReplica``.
///
/// ```swift
/// @main enum Main {
///     static func main() async throws { try await ReplicaServer(myReplica).serve() }
/// }
/// ```
///
/// The protocol is that of `docs/programs.md`.
public struct ReplicaServer: Sendable {
    private let replica: any Replica
    /// How often someone who waits for an answer is told that it is being worked on.
    private static let pulse = Duration.seconds(20)
    /// How long work may go on that was cancelled because nobody waits for it any more.
    private static let grace = Duration.seconds(5)

    public init(_ replica: any Replica) { self.replica = replica }

    /// Serves on stdin and stdout until stdin ends; then the replica is closed.
    ///
    /// From here on, what this process prints to stdout goes to stderr, so that it can't get between the answers.
    /// - Throws: ``ReplicaError`` when the streams can't be used.
    public func serve() async throws {
        var (input, output): (Int32, Int32) = (-1, -1)
        let code = dovetail_take_streams(&input, &output)
        guard code == 0 else {
            throw ReplicaError(
                .failed, replica: replica.name,
                "stdin, stdout and stderr can't be used (\(String(cString: strerror(code)))); this program is started by"
                    + " dovetail")
        }
        await serve(reading: input, writing: output)
    }

    /// Serves on two streams, such as the descriptors of pipes or of a socket, until the first one ends. Both are closed, and so
    /// is the replica.
    public func serve(reading: Int32, writing: Int32) async {
        let input = StreamEnd(reading)
        let output = Output(StreamEnd(writing))
        let session = ServerSession(replica)
        var current: (id: Int, task: Task<Void, Never>)?
        for await line in Self.lines(of: input) {
            let request: WireRequest
            do {
                request = try Wire.message(WireRequest.self, line)
            } catch {
                var answer = WireAnswer()
                // One of another version may have other fields, but each has an id.
                answer.id = (try? Wire.message(NumberedLine.self, line))?.id ?? 0
                answer.error = WireError(WireError.unsupported, "this request is not known: \(error)")
                output.send(answer)
                continue
            }
            if let cancelled = request.cancel {
                if current?.id == cancelled { current?.task.cancel() }
                continue
            }
            let before = current?.task
            current = (
                request.id,
                Task {
                    await before?.value
                    output.send(await Self.answer(request, session, output))
                }
            )
        }
        current?.task.cancel()
        if let task = current?.task { await Self.wait(for: task) }
        await session.close()
    }

    private static func answer(_ request: WireRequest, _ session: ServerSession, _ output: Output) async
        -> WireAnswer
    {
        let pulse = Task {
            while true {
                try await Task.sleep(for: Self.pulse)
                var busy = WireAnswer(request.id)
                busy.busy = true
                output.send(busy)
            }
        }
        var answer = WireAnswer(request.id)
        do {
            try await session.answer(request, &answer)
        } catch {
            answer = WireAnswer(request.id)
            answer.error = WireError(error)
        }
        // An answer is the last line about its request.
        pulse.cancel()
        _ = await pulse.result
        return answer
    }

    /// Waits for work that was cancelled, but not for ever.
    private static func wait(for task: Task<Void, Never>) async {
        let (ended, end) = AsyncStream<Void>.makeStream()
        Task {
            await task.value
            end.finish()
        }
        let timer = Task {
            try await Task.sleep(for: grace)
            end.finish()
        }
        for await _ in ended {}
        timer.cancel()
    }

    /// Read on a thread of their own, which waits for them. There is never more than a request and a cancellation to keep.
    private static func lines(of input: StreamEnd) -> AsyncStream<[UInt8]> {
        let (lines, next) = AsyncStream<[UInt8]>.makeStream()
        let thread = Thread {
            var reader = LineReader(input)
            while case .line(let line)? = try? reader.next() { next.yield(line) }
            input.close()
            next.finish()
        }
        thread.name = "requests"
        thread.start()
        return lines
    }

    private struct NumberedLine: Decodable { var id: Int }

    /// Where answers go, each whole.
    private final class Output: Sendable {
        private let stream: Mutex<StreamEnd>
        init(_ stream: StreamEnd) { self.stream = Mutex(stream) }

        func send(_ answer: WireAnswer) {
            stream.withLock { stream in
                do {
                    try stream.write(try Wire.line(answer))
                } catch {
                    // Nobody is there: stdin ends too, and with it everything.
                    stream.close()
                }
            }
        }
    }
}
