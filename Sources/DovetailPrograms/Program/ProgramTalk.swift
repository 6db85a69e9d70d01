import DovetailEngine
import Foundation

/// The talk with one program, for one thread: a request is a line, its answer is a line, and then comes the next request. So
/// neither side ever writes while the other one does, and no pipe is full on both ends.
struct ProgramTalk {
    /// Where the program is: a child that has to be started, or at the other end of two streams.
    enum Origin: Sendable {
        case program(path: String, arguments: [String], directory: String)
        case streams(reading: StreamEnd, writing: StreamEnd)
    }

    enum Reply: Sendable {
        case answer(WireAnswer)
        /// The program does not know this request.
        case unsupported
    }

    private let name: String
    private let patience: Duration
    private let child: ChildProcess?
    private let input: StreamEnd
    private let output: StreamEnd
    private var reader: LineReader
    private var greeting = WireAnswer()
    private var lastID = 0
    /// How long a program may take to say who it is, and to heed a cancellation.
    private static let greetingPatience = Duration.seconds(30)
    private static let cancelPatience = Duration.seconds(10)

    /// Starts the program and greets it.
    /// - Throws: ``ReplicaError`` when it is none, or speaks another version.
    init(_ name: String, _ origin: Origin, _ patience: Duration, takesFrames: Bool) throws {
        self.name = name
        self.patience = patience
        switch origin {
        case .program(let path, let arguments, let directory):
            let child = try ChildProcess(path: path, arguments: arguments, directory: directory, name: name)
            (self.child, input, output) = (child, child.input, child.output)
        case .streams(let reading, let writing):
            (child, input, output) = (nil, writing, reading)
            writing.makeNonBlocking()
            reading.makeNonBlocking()
        }
        reader = LineReader(output)
        do {
            try greet(takesFrames)
        } catch {
            end(patience: .zero)
            throw error
        }
    }

    private mutating func greet(_ takesFrames: Bool) throws {
        var hello = WireRequest(.hello)
        hello.dovetail = Wire.version
        hello.packed = takesFrames ? Wire.packed : nil
        let question = Question()
        guard
            case .answer(let answer) = try exchange(hello, question, min(patience, Self.greetingPatience))
                .get()
        else { throw error(.unsuitable, "the program does not know “hello”; see docs/programs.md") }
        guard answer.dovetail == Wire.version else {
            throw error(
                .unsuitable,
                "the program speaks version \(answer.dovetail.map(String.init) ?? "“none”") of the protocol, this is"
                    + " version \(Wire.version); build both with the same version of Dovetail")
        }
        greeting = answer
    }

    /// Ends the program.
    func end(patience: Duration) {
        input.close()
        child?.end(patience: patience)
        output.close()
    }

    // MARK: Asking

    /// What the program answered, or the error that it answered with.
    /// - Throws: ``ReplicaError`` when the talk is over; `CancellationError` when it is, for a program that did not end what was
    ///   cancelled.
    mutating func exchange(_ request: WireRequest, _ question: Question) throws -> Result<Reply, any Error> {
        if request.ask == .hello { return .success(.answer(greeting)) }
        return try exchange(request, question, patience)
    }

    private mutating func exchange(_ request: WireRequest, _ question: Question, _ patience: Duration) throws
        -> Result<Reply, any Error>
    {
        lastID += 1
        var request = request
        request.id = lastID
        do {
            var wake: StreamEnd? = try question.cancellation()
            var deadline = ContinuousClock.now + patience
            try input.write(try Wire.line(request), until: deadline)
            while true {
                switch try reader.next(until: deadline, wake: wake) {
                case .line(let line):
                    let answer = try read(line)
                    guard answer.busy != true else {
                        if wake != nil { deadline = ContinuousClock.now + patience }
                        continue
                    }
                    return meaning(of: answer)
                case .woken:
                    try input.write(try Wire.line(WireRequest(cancel: lastID)), until: deadline)
                    deadline = ContinuousClock.now + Self.cancelPatience
                    wake = nil
                case .end: throw ended(request)
                case .endless:
                    throw error(
                        .damaged,
                        "the program wrote \(Wire.longestLine >> 20) MB without a line break; snapshots go in batches"
                            + " (“more”), and nothing but answers goes to stdout")
                }
            }
        } catch StreamFailure.timeout {
            if question.isCancelled { throw CancellationError() }
            throw error(
                .unreachable,
                "the program did not answer “\(request.ask?.rawValue ?? "")” for \(patience.words), and was stopped;"
                    + " one that is at work says so by {\"id\": N, \"busy\": true}" + (child?.saying ?? ""))
        } catch StreamFailure.ended {
            throw ended(request)
        } catch StreamFailure.system(let code) {
            throw error(.failed, "the pipe to the program broke: \(String(cString: strerror(code)))")
        }
    }

    private func read(_ line: [UInt8]) throws -> WireAnswer {
        let answer: WireAnswer
        do {
            answer = try Wire.message(WireAnswer.self, line)
        } catch {
            let shown = String(decoding: line.prefix(80), as: UTF8.self)
            let isObject = (try? JSONSerialization.jsonObject(with: Data(line))) is [String: Any]
            let why =
                isObject
                ? "an answer that can't be read: \(Self.words(error))"
                : "which is no answer; nothing but answers goes to stdout, so print to stderr"
            throw self.error(.damaged, "the program wrote “\(shown)\(line.count > 80 ? "…" : "")”, \(why)")
        }
        guard answer.id == lastID else {
            throw error(
                .damaged,
                "the program answered request \(answer.id) where \(lastID) was asked; an answer carries the id of"
                    + " its request, and each request has one")
        }
        return answer
    }

    private static func words(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        let (context, what): (DecodingError.Context, String) =
            switch error {
            case .keyNotFound(let key, let context): (context, "“\(key.stringValue)” is missing")
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
                (context, context.debugDescription)
            @unknown default: (.init(codingPath: [], debugDescription: ""), "\(error)")
            }
        let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
        return (path.isEmpty ? "" : path.joined(separator: ".") + ": ") + what
    }

    private func meaning(of answer: WireAnswer) -> Result<Reply, any Error> {
        guard let error = answer.error else { return .success(.answer(answer)) }
        switch error.kind {
        case WireError.unsupported: return .success(.unsupported)
        case WireError.cancelled: return .failure(CancellationError())
        default:
            return .failure(
                self.error(
                    ReplicaError.Kind(rawValue: error.kind) ?? .failed,
                    error.message ?? "the program says “\(error.kind)”, and no more"))
        }
    }

    private func ended(_ request: WireRequest) -> ReplicaError {
        let ending = child.map { $0.ending ?? "it closed its stdout" } ?? "its end of the stream was closed"
        return error(
            .failed, "the program ended before it answered “\(request.ask?.rawValue ?? "")”: \(ending)")
    }

    private func error(_ kind: ReplicaError.Kind, _ message: String) -> ReplicaError {
        ReplicaError(kind, replica: name, message)
    }
}

extension Duration {
    /// For a person.
    fileprivate var words: String { formatted(.units(allowed: [.hours, .minutes, .seconds], width: .wide)) }
}
