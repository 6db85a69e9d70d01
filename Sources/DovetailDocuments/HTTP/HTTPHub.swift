import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// A set of documents at a hub elsewhere, over HTTP.
///
/// ```swift
/// let hub = try HTTPHub(HubAddress("https://hub.example/notes"), token: token)
/// for document in try await hub.documents().documents { print(document.document) }
/// await hub.close()
/// ```
///
/// Connections stay open between requests. Nothing is tried again: a call that fails with ``HubError/Kind/unavailable`` may have been
/// carried out, and may be repeated.
public struct HTTPHub: Hub {
    public let address: HubAddress
    private let settings: HTTPHubSettings
    private let connections: HTTPConnections
    private let base: String
    private let authorization: String

    /// - Parameter token: is sent to the hub and to nobody else; it stands in no message.
    /// - Throws: ``HubError`` when the token can't be one, or the certificates to trust can't be read.
    public init(_ address: HubAddress, token: String, settings: HTTPHubSettings = HTTPHubSettings())
        throws(HubError)
    {
        guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw HubError(.unauthorized, "the token for \(address) is empty, or holds spaces or line ends")
        }
        self.address = address
        self.settings = settings
        connections = try HTTPConnections(settings: settings)
        base = "\(address.server)/v1/\(PercentCoding.encoded(address.set))"
        authorization = "Bearer \(token)"
    }

    public var name: String { address.description }
    public var set: String { address.set }

    public func documents() async throws -> SetListing {
        let listing: ListingJSON = try await read(try await send(.GET, ""))
        return try required(listing.listing)
    }

    public func push(_ draft: CommitDraft) async throws -> PushAnswer {
        try decoded(try await send(.POST, "", body: draft.wire, taking: [.conflict, .gone]))
    }

    public func commits(of document: DocumentName, after position: LogPosition, limit: Int) async throws
        -> LogPart
    {
        let answer = try await send(
            .GET, "/commits", ["d": document.text, "after": position.header, "limit": "\(limit)"],
            taking: [.gone])
        return answer.status == .noContent ? .commits([]) : try decoded(answer)
    }

    public func text(of document: DocumentName, at sequence: Int64?) async throws -> Snapshot {
        let answer = try await send(
            .GET, "/text", ["d": document.text, "at": sequence.map { "\($0)" }])
        let position = answer.headers.first(name: "position").flatMap { LogPosition(header: $0) }
        return Snapshot(
            document: document, position: try required(position),
            text: answer.status == .noContent ? nil : answer.body)
    }

    public func log(of document: DocumentName, before sequence: Int64?, limit: Int) async throws -> [Commit] {
        let commits: [CommitJSON] = try await read(
            try await send(
                .GET, "/log",
                ["d": document.text, "before": sequence.map { "\($0)" }, "limit": "\(limit)"]))
        return try commits.map { try required($0.commit) }
    }

    public func changes(after place: Int64, epoch: UInt64, waiting: Duration) async throws -> [HubEvent] {
        let answer = try await send(
            .GET, "/changes",
            [
                "after": "\(place)", "e": LogPosition.digits(epoch),
                "wait": "\(max(waiting.components.seconds, 0))",
            ],
            patience: waiting + settings.patience)
        return answer.status == .noContent ? [] : (try decoded(answer) as EventList).events
    }

    public func events(after place: Int64, epoch: UInt64) -> AsyncThrowingStream<HubEvent, any Error> {
        let reader = EventReader {
            let request = try request(
                .GET, "/events", ["after": "\(place)", "e": LogPosition.digits(epoch)])
            let response = try await execute(request, patience: settings.patience)
            guard response.status == .ok else {
                throw try await failure(response.status, response.headers, collected(response))
            }
            return response.body
        } explaining: {
            explained($0)
        }
        return AsyncThrowingStream { try await reader.next() }
    }

    public func report(_ conflict: DocumentConflict) async throws {
        _ = try await send(.POST, "/conflicts", body: try encoded(ConflictJSON(conflict)))
    }

    public func conflicts() async throws -> [DocumentConflict] {
        let conflicts: [ConflictJSON] = try await read(try await send(.GET, "/conflicts"))
        return try conflicts.map { try required($0.conflict) }
    }

    public func resolve(_ id: DocumentConflict.ID, as resolution: DocumentConflict.Resolution) async throws {
        _ = try await send(
            .POST, "/conflicts/\(PercentCoding.encoded(id))", body: try encoded(ResolutionJSON(resolution)))
    }

    public func settle(_ id: DocumentConflict.ID) async throws {
        _ = try await send(.DELETE, "/conflicts/\(PercentCoding.encoded(id))")
    }

    public func close() async { await connections.close() }

    // MARK: Requests

    private struct Answer {
        var status: HTTPResponseStatus
        var headers: HTTPHeaders
        var body: [UInt8]
    }

    private func request(
        _ method: HTTPMethod, _ path: String, _ query: KeyValuePairs<String, String?> = [:],
        body: [UInt8]? = nil
    ) throws -> HTTPClientRequest {
        let fields = query.compactMap { name, value in value.map { "\(name)=\(PercentCoding.encoded($0))" } }
        var request = HTTPClientRequest(
            url: base + path + (fields.isEmpty ? "" : "?" + fields.joined(separator: "&")))
        request.method = method
        request.headers.add(name: "Authorization", value: authorization)
        if method == .GET { request.headers.add(name: "Accept-Encoding", value: "deflate") }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        return request
    }

    /// - Parameter taking: statuses besides 2xx that the caller reads; all others are thrown.
    private func send(
        _ method: HTTPMethod, _ path: String, _ query: KeyValuePairs<String, String?> = [:],
        body: [UInt8]? = nil, taking: [HTTPResponseStatus] = [], patience: Duration? = nil
    ) async throws -> Answer {
        let request = try request(method, path, query, body: body)
        let response = try await execute(request, patience: patience ?? settings.patience)
        let bytes = try await collected(response)
        let isError = response.headers.first(name: "content-type") == "application/json"
        guard
            (200..<300).contains(response.status.code) || taking.contains(response.status) && !isError
        else { throw try failure(response.status, response.headers, bytes) }
        return Answer(status: response.status, headers: response.headers, body: bytes)
    }

    private func execute(_ request: HTTPClientRequest, patience: Duration) async throws -> HTTPClientResponse
    {
        do {
            return try await connections.client.execute(
                request, timeout: .nanoseconds(Int64(patience / .nanoseconds(1))))
        } catch { throw explained(error) }
    }

    private func collected(_ response: HTTPClientResponse) async throws -> [UInt8] {
        let bytes: [UInt8]
        do {
            let buffer = try await response.body.collect(upTo: settings.largestAnswer)
            bytes = Array(buffer.readableBytesView)
        } catch { throw explained(error) }
        guard response.headers.first(name: "content-encoding") == "deflate" else { return bytes }
        return try required(Deflate.inflated(bytes, as: .zlib, limit: settings.largestAnswer))
    }

    // MARK: Answers

    private func decoded<Message: WireCodable>(_ answer: Answer) throws -> Message {
        do { return try Message(wire: answer.body, limit: settings.largestAnswer) } catch {
            throw unreadable("\(error)")
        }
    }

    private func read<Value: Decodable>(_ answer: Answer) async throws -> Value {
        do { return try JSONDecoder().decode(Value.self, from: Data(answer.body)) } catch {
            throw unreadable("it is not the JSON that was expected")
        }
    }

    private func encoded(_ value: some Encodable) throws -> [UInt8] {
        do { return Array(try JSONEncoder().encode(value)) } catch {
            throw HubError(.invalid, "a message to \(name) can't be written: \(error)")
        }
    }

    private func required<Value>(_ value: Value?) throws(HubError) -> Value {
        guard let value else { throw unreadable("a part of it is missing or damaged") }
        return value
    }

    private func unreadable(_ why: String) -> HubError {
        HubError(
            .unavailable,
            "the answer of \(name) can't be read: \(why); see whether it is a Dovetail hub of this version")
    }

    private func failure(_ status: HTTPResponseStatus, _ headers: HTTPHeaders, _ body: [UInt8]) throws
        -> HubError
    {
        let wait = headers.first(name: "retry-after").flatMap { Int64($0) }.map {
            Duration.seconds(min(max($0, 0), 3_600))
        }
        if let told = try? JSONDecoder().decode(ErrorJSON.self, from: Data(body)) {
            return HubError(told.kind, told.message, retryAfter: wait)
        }
        return HubError(
            HubError.Kind(status: Int(status.code)), "\(name) answered \(status.code) \(status.reasonPhrase)",
            retryAfter: wait)
    }

    private func explained(_ error: any Error) -> any Error {
        switch error {
        case is HubError: return error
        case is CancellationError: return error
        case let error as HTTPClientError where error == .cancelled && Task.isCancelled:
            return CancellationError()
        case is NIOTooManyBytesError:
            return HubError(
                .tooLarge, "an answer of \(name) is larger than \(settings.largestAnswer) bytes")
        default: return HubError(.unavailable, HTTPFailure(address: address).words(error))
        }
    }
}

extension HubError.Kind {
    /// What a status means that comes without a reason, as proxies send it.
    package init(status: Int) {
        self =
            switch status {
            case 401: .unauthorized
            case 403: .forbidden
            case 404: .notFound
            case 410: .pruned
            case 413: .tooLarge
            case 429: .busy
            case 400, 422: .invalid
            default: .unavailable
            }
    }

    /// The status it goes out with.
    package var status: Int {
        switch self {
        case .unauthorized: 401
        case .forbidden: 403
        case .notFound: 404
        case .pruned: 410
        case .invalid, .refused: 422
        case .tooLarge: 413
        case .busy: 429
        case .unavailable: 503
        case .damaged: 500
        }
    }
}
