import DovetailDocuments
import Foundation
import HTTPTypes
import Logging
import NIOCore

/// What a request is answered with, whole. An answer has no header that its reader doesn't need.
struct Answer: Sendable {
    var status: HTTPResponse.Status
    var headers = HTTPFields()
    var body: [UInt8] = []

    /// Nothing to say.
    static let empty = Answer(status: .noContent)

    /// A message for clients, which know what it is by what they asked.
    static func wire(_ message: some WireCodable, status: HTTPResponse.Status = .ok) -> Answer {
        Answer(status: status, body: message.wire)
    }

    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Answer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return Answer(
            status: status, headers: [.contentType: "application/json"],
            body: Array(try encoder.encode(value)))
    }

    static func failure(_ error: HubError) -> Answer {
        Self.failure(error, status: HTTPResponse.Status(code: error.kind.status))
    }

    static func failure(_ error: HubError, status: HTTPResponse.Status) -> Answer {
        var answer = (try? Answer.json(ErrorJSON(error), status: status)) ?? Answer(status: status)
        if let wait = error.retryAfter {
            answer.headers[.retryAfter] = "\(max(Int64((wait / .seconds(1)).rounded(.up)), 1))"
        }
        if status == .unauthorized { answer.headers[.wwwAuthenticate] = "Bearer" }
        return answer
    }

    /// What anything that was thrown is answered with: what isn't meant for clients is only logged.
    static func failure(_ error: any Error, logger: Logger) -> Answer {
        switch error {
        case let error as HubError: return .failure(error)
        case let error as RequestError: return error.answer
        case is ChannelError, is IOError, is CancellationError:
            // The client went away, which is its right.
            logger.debug("a client went away: \(error)")
            return Answer(status: .serviceUnavailable)
        default:
            logger.error("a request failed: \(error)")
            return .failure(
                HubError(.unavailable, "the hub failed; its log says why"), status: .internalServerError)
        }
    }

    /// The same for who can unpack it, when it becomes smaller.
    func packed(for accepted: String?) -> Answer {
        guard let accepted, body.count > 256, headers[.contentEncoding] == nil,
            accepted.split(separator: ",").contains(where: {
                $0.trimmingCharacters(in: .whitespaces).lowercased() == "deflate"
            }),
            let smaller = Deflate.deflated(body, as: .zlib)
        else { return self }
        var answer = self
        answer.body = smaller
        answer.headers[.contentEncoding] = "deflate"
        return answer
    }

    var head: HTTPResponse {
        var headers = headers
        // Without it, an answer would go in chunks.
        if status != .noContent { headers[.contentLength] = "\(body.count)" }
        return HTTPResponse(status: status, headerFields: headers)
    }
}

/// What is wrong with a request itself.
struct RequestError: Error {
    var status: HTTPResponse.Status
    var error: HubError
    var headers = HTTPFields()

    init(_ status: HTTPResponse.Status, _ kind: HubError.Kind, _ message: String) {
        self.status = status
        error = HubError(kind, message)
    }

    static func malformed(_ message: String) -> RequestError { RequestError(.badRequest, .invalid, message) }

    static let nothingHere = RequestError(.notFound, .notFound, "there is nothing at this address of the hub")

    /// - Parameter allowed: the methods that there are.
    static func method(_ allowed: String) -> RequestError {
        var error = RequestError(.methodNotAllowed, .invalid, "this address of the hub takes \(allowed)")
        error.headers[.allow] = allowed
        return error
    }

    var answer: Answer {
        var answer = Answer.failure(error, status: status)
        answer.headers.append(contentsOf: headers)
        return answer
    }
}
