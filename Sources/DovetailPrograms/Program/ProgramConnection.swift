import Dispatch
import DovetailEngine
import Foundation
import Synchronization

/// Asks a program, one request after the other, on a thread of its own, since that waits for pipes.
final class ProgramConnection: Sendable {
    let name: String
    private let origin: ProgramTalk.Origin
    private let patience: Duration
    private let takesFrames: Bool
    private let queue = Mutex(Queue())
    private let arrived = DispatchSemaphore(value: 0)

    private struct Queue {
        var work: [Work] = []
        var hasThread = false
        var isClosed = false
    }

    private enum Work: Sendable {
        case ask(WireRequest, Question)
        case close(@Sendable () -> Void)
    }

    init(name: String, origin: ProgramTalk.Origin, patience: Duration, takesFrames: Bool = true) {
        self.takesFrames = takesFrames
        self.name = name
        self.origin = origin
        self.patience = patience
    }

    /// - Throws: ``ReplicaError``; `CancellationError`.
    func ask(_ request: WireRequest) async throws -> ProgramTalk.Reply {
        let question = Question()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                question.wait(continuation)
                if !enqueue(.ask(request, question)) {
                    question.end(
                        .failure(ReplicaError(.failed, replica: name, "the program was closed already")))
                }
            }
        } onCancel: {
            question.cancel()
        }
    }

    /// Ends the program, and waits for that.
    func close() async {
        await withCheckedContinuation { continuation in
            if !enqueue(.close { continuation.resume() }) { continuation.resume() }
        }
    }

    /// Ends the program without waiting.
    func abandon() { _ = enqueue(.close {}) }

    /// Starts the thread with the first question. False when the connection is closed.
    private func enqueue(_ work: Work) -> Bool {
        let (isTaken, isFirst) = queue.withLock { queue in
            guard !queue.isClosed else { return (false, false) }
            let isFirst = !queue.hasThread
            if case .close = work {
                queue.isClosed = true
                // Nothing was started that would have to end.
                if isFirst { return (false, false) }
            }
            queue.hasThread = true
            queue.work.append(work)
            return (true, isFirst)
        }
        if isFirst {
            let thread = Thread { [self] in run() }
            thread.name = "program \(name)"
            thread.start()
        }
        if isTaken { arrived.signal() }
        return isTaken
    }

    private func run() {
        var talk: ProgramTalk?
        /// What broke the talk: every later question ends with it too.
        var failure: (any Error)?
        while true {
            arrived.wait()
            guard let work = queue.withLock({ $0.work.isEmpty ? nil : $0.work.removeFirst() }) else {
                continue
            }
            switch work {
            case .close(let done):
                talk?.end(patience: .seconds(5))
                done()
                return
            case .ask(let request, let question):
                if question.isCancelled {
                    question.end(.failure(CancellationError()))
                } else if let failure {
                    question.end(.failure(failure))
                } else {
                    do {
                        var open = try talk ?? ProgramTalk(name, origin, patience, takesFrames: takesFrames)
                        defer { talk = open }
                        question.end(try open.exchange(request, question))
                    } catch {
                        talk?.end(patience: .zero)
                        failure = error is CancellationError ? stopped : error
                        question.end(.failure(error))
                    }
                }
            }
        }
    }

    private var stopped: ReplicaError {
        ReplicaError(
            .failed, replica: name, "the program was stopped, since it went on after it was told to end")
    }
}

/// A request on its way, for the one that waits for its answer.
final class Question: Sendable {
    private struct State {
        var continuation: CheckedContinuation<ProgramTalk.Reply, any Error>?
        var isCancelled = false
        /// Wakes the thread that waits for the answer.
        var wake: StreamEnd?
    }

    private let state = Mutex(State())

    var isCancelled: Bool { state.withLock(\.isCancelled) }

    func wait(_ continuation: CheckedContinuation<ProgramTalk.Reply, any Error>) {
        state.withLock { $0.continuation = continuation }
    }

    func end(_ result: Result<ProgramTalk.Reply, any Error>) {
        let continuation = state.withLock { state in
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume(with: result)
    }

    func cancel() {
        let wake = state.withLock { state in
            state.isCancelled = true
            return state.wake
        }
        try? wake?.write([0])
    }

    /// A stream that can be read once the question is cancelled.
    func cancellation() throws(StreamFailure) -> StreamEnd {
        let (reading, writing) = try StreamEnd.pipe()
        let isCancelled = state.withLock { state in
            state.wake = writing
            return state.isCancelled
        }
        if isCancelled { try writing.write([0]) }
        return reading
    }
}
