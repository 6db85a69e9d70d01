import DovetailDocuments
import Foundation
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import ServiceLifecycle
import Synchronization

/// Answers requests: who asks, whether they may, and what of.
struct HubResponder: Sendable {
    let limits: ServerLimits
    let logger: Logger
    let check: HubServer.TokenCheck
    let access: HubServer.Access
    private let rate: RateLimit
    private let strangers: RateLimit
    private let budget: ByteBudget
    private let written = WrittenEvents()
    private let watch: TokenWatch

    init(
        limits: ServerLimits, logger: Logger, check: @escaping HubServer.TokenCheck,
        access: @escaping HubServer.Access
    ) {
        self.limits = limits
        self.logger = logger
        self.check = check
        self.access = access
        rate = RateLimit(limits.rate)
        strangers = RateLimit(limits.strangers)
        budget = ByteBudget(max(limits.bytesInFlight, limits.largestConflict))
        watch = TokenWatch(pause: limits.trust) { token in
            guard let found = try await check(token) else { return false }
            return found.revoked == nil
        }
    }

    func respond(to request: Request, writer: consuming ResponseWriter, channel: any Channel) async throws {
        let answer: Answer
        do {
            let endpoint = try Endpoint(request.head.method, request.head.path ?? "")
            switch endpoint {
            case .page(let file): answer = file.answer
            case .set(let set, let operation):
                let token = try await token(of: request, for: set, operation, channel)
                let hub = try await access(set, token)
                if case .events(let after, let epoch) = operation {
                    // Who reconnects by the rules of server-sent events says where they were in this way.
                    let last = request.head.headerFields[.lastEventID].flatMap { Int64($0) }
                    return try await stream(
                        hub.events(after: max(last ?? after, 0), epoch: epoch), of: set, to: request.head,
                        on: channel)
                }
                answer = try await self.answer(operation, of: hub, request, channel)
            }
        } catch let error as HTTPParserError {
            // Answered below us, because what follows on this connection can't be read either.
            throw error
        } catch { answer = .failure(error, logger: logger) }
        let packed = answer.packed(for: request.head.headerFields[.acceptEncoding])
        if packed.body.isEmpty {
            try await writer.writeResponse(packed.head)
        } else {
            try await writer.write(
                response: packed.head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: packed.body)))
        }
    }

    // MARK: Who asks

    private func token(
        of request: Request, for set: String, _ operation: Endpoint.Operation, _ channel: any Channel
    ) async throws -> HubToken {
        guard let token = try await bearer(of: request.head) else {
            if let wait = strangers.take(channel.remoteAddress?.ipAddress ?? "") {
                throw HubError(.busy, "too many requests without a valid token", retryAfter: wait)
            }
            throw Self.notLetIn
        }
        if let wait = rate.take(token.name) {
            throw HubError(
                .busy, "too many requests of “\(token.name)”: wait, or let the hub's owner raise the limit",
                retryAfter: wait)
        }
        guard token.sets.isEmpty || token.sets.contains(set) else {
            throw HubError(.forbidden, "the token of “\(token.name)” is not for this set of documents")
        }
        guard token.mayWrite || !operation.writes else {
            throw HubError(.forbidden, "the token of “\(token.name)” is for reading only")
        }
        return token
    }

    private static let notLetIn = HubError(
        .unauthorized, "the token is missing, wrong or revoked: ask the hub's owner for one")

    private func bearer(of head: HTTPRequest) async throws -> HubToken? {
        guard let word = Self.word(of: head), let token = try await check(word), token.revoked == nil
        else { return nil }
        return token
    }

    /// The token that a request names, whether there is such a one or not.
    private static func word(of head: HTTPRequest) -> String? {
        guard let header = head.headerFields[.authorization] else { return nil }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }

    /// Before anything is sent to someone who waited: what is revoked meanwhile is told nothing.
    private func checkStillLetIn(_ head: HTTPRequest) async throws {
        guard try await bearer(of: head) != nil else { throw Self.notLetIn }
    }

    // MARK: What is asked

    private func answer(
        _ operation: Endpoint.Operation, of hub: any Hub, _ request: Request, _ channel: any Channel
    ) async throws -> Answer {
        switch operation {
        case .documents: return try .json(ListingJSON(try await hub.documents()))
        case .push:
            let draft = try await body(of: request, limit: limits.largestPush) { body in
                let largest = HubLimits.largestDelta(of: limits.largestText)
                do throws(WireError) { return try CommitDraft(wire: body, limit: largest) } catch {
                    if error.isTooLarge { throw tooLarge }
                    throw RequestError.malformed("\(error)")
                }
            }
            return answer(try await hub.push(draft))
        case .commits(let document, let position, let limit):
            let part = try await hub.commits(of: document, after: position, limit: limit)
            switch part {
            case .commits([]): return .empty
            case .commits: return .wire(part)
            case .gone: return .wire(part, status: .gone)
            }
        case .text(let document, let sequence):
            let snapshot = try await hub.text(of: document, at: sequence)
            guard let text = snapshot.text else {
                return Answer(status: .noContent, headers: [.position: snapshot.position.header])
            }
            return Answer(
                status: .ok,
                headers: [
                    .position: snapshot.position.header, .contentType: "application/octet-stream",
                    .xContentTypeOptions: "nosniff",
                ], body: text)
        case .log(let document, let before, let limit):
            let commits = try await hub.log(of: document, before: before, limit: limit)
            return try .json(commits.map(CommitJSON.init))
        case .changes(let after, let epoch, let seconds):
            let events = try await waiting(request.head, on: channel) {
                try await hub.changes(after: after, epoch: epoch, waiting: .seconds(seconds))
            }
            try await checkStillLetIn(request.head)
            return events.isEmpty ? .empty : .wire(EventList(events))
        case .events: throw RequestError.nothingHere
        case .conflicts: return try .json(try await hub.conflicts().map(ConflictJSON.init))
        case .report:
            let conflict: ConflictJSON = try await json(of: request)
            guard let conflict = conflict.conflict else { throw RequestError.unreadableJSON }
            try await hub.report(conflict)
            return .empty
        case .resolve(let id):
            let resolution: ResolutionJSON = try await json(of: request)
            guard let resolution = resolution.resolution else { throw RequestError.unreadableJSON }
            try await hub.resolve(id, as: resolution)
            return .empty
        case .settle(let id):
            try await hub.settle(id)
            return .empty
        case .comparison(let document, let sequence):
            return try .json(try await TextComparison(of: document, at: sequence, in: hub))
        case .restore(let document, let sequence, let head, let key):
            return answer(
                try await Restore(document: document, sequence: sequence, head: head, key: key).push(to: hub))
        }
    }

    private func answer(_ answer: PushAnswer) -> Answer {
        switch answer {
        case .committed: .wire(answer, status: .created)
        case .stale: .wire(answer, status: .conflict)
        case .gone: .wire(answer, status: .gone)
        }
    }

    // MARK: Bodies

    private var tooLarge: HubError { .tooLarge("what was sent is larger", limit: limits.largestText) }

    /// Reads a body that is within a limit, as long as all of them together are.
    private func body<Value>(
        of request: Request, limit: Int, _ read: ([UInt8]) throws -> Value
    ) async throws -> Value {
        let announced = request.head.headerFields[.contentLength].flatMap { Int($0) }
        let room = announced ?? limit
        guard room >= 0, room <= limit else { throw tooLarge }
        guard budget.take(room) else {
            throw HubError(
                .unavailable, "the hub is reading as much as it can: try again", retryAfter: .seconds(1))
        }
        defer { budget.give(room) }
        do {
            let buffer = try await request.body.collect(upTo: limit)
            return try read(Array(buffer.readableBytesView))
        } catch is NIOTooManyBytesError {
            throw tooLarge
        }
    }

    private func json<Value: Decodable>(of request: Request) async throws -> Value {
        try await body(of: request, limit: limits.largestConflict) { body in
            do { return try JSONDecoder().decode(Value.self, from: Data(body)) } catch {
                throw RequestError.unreadableJSON
            }
        }
    }

    // MARK: Waiting

    /// Does something that takes long, and ends it when nobody waits any more: the client is gone, its token is revoked, or the server
    /// stops.
    private func waiting<Value: Sendable>(
        _ head: HTTPRequest, on channel: any Channel, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let task = Task { try await work() }
        let isRevoked = Atomic(false)
        let watched = watch.watch(Self.word(of: head) ?? "") {
            isRevoked.store(true, ordering: .releasing)
            task.cancel()
        }
        defer { watch.stop(watched) }
        try await channel.triggerUserOutboundEvent(ConnectionGuard.Waiting { task.cancel() }).get()
        return try await withGracefulShutdownHandler {
            try await withTaskCancellationHandler {
                do {
                    let value = try await task.value
                    if isRevoked.load(ordering: .acquiring) { throw Self.notLetIn }
                    return value
                } catch is CancellationError {
                    if isRevoked.load(ordering: .acquiring) { throw Self.notLetIn }
                    throw HubError(.unavailable, "the hub stops: try again soon")
                }
            } onCancel: {
                task.cancel()
            }
        } onGracefulShutdown: {
            task.cancel()
        }
    }

    /// Sends events as they come. Each is sent before the next one is taken, so that a slow client makes the hub wait, and nothing
    /// piles up here.
    private func stream(
        _ events: AsyncThrowingStream<HubEvent, any Error>, of set: String, to asked: HTTPRequest,
        on channel: any Channel
    ) async throws {
        let head = HTTPResponse(
            status: .ok,
            headerFields: [.contentType: EventStream.contentType, .cacheControl: "no-store"])
        let written = written
        channel.write(HTTPResponsePart.head(head), promise: nil)
        try await channel.writeAndFlush(HTTPResponsePart.body(ByteBuffer(string: EventStream.beat))).get()
        do {
            try await waiting(asked, on: channel) {
                for try await event in events {
                    if event != .alive { try await checkStillLetIn(asked) }
                    try await channel.writeAndFlush(
                        HTTPResponsePart.body(written.buffer(of: event, in: set))
                    ).get()
                }
            }
        } catch let error as HubError {
            let text = ByteBuffer(string: EventStream.text(of: error))
            channel.write(HTTPResponsePart.body(text), promise: nil)
        } catch {
            logger.debug("a stream of events ended: \(error)")
        }
        try await channel.writeAndFlush(HTTPResponsePart.end(nil)).get()
    }
}

extension Endpoint.Operation {
    /// Whether it changes what others see.
    var writes: Bool {
        switch self {
        case .push, .report, .resolve, .settle, .restore: true
        case .documents, .commits, .text, .log, .changes, .events, .conflicts, .comparison: false
        }
    }
}

extension RequestError {
    static let unreadableJSON = RequestError.malformed("the body is not the JSON that is wanted here")
}

extension HTTPField.Name {
    /// Where in its log a text is: `EPOCH.SEQUENCE`.
    static let position = Self.known("Position")
    static let lastEventID = Self.known("Last-Event-ID")

    /// - Parameter name: letters and hyphens only.
    static func known(_ name: String) -> HTTPField.Name {
        guard let known = HTTPField.Name(name) else { preconditionFailure("\(name) is no name of a header") }
        return known
    }
}
