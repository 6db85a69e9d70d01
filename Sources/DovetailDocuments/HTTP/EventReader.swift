import AsyncHTTPClient
import Foundation
import NIOCore

/// Reads server-sent events, one when one is asked for, so that the hub waits for a slow client and not the client's memory.
actor EventReader {
    private let open: @Sendable () async throws -> HTTPClientResponse.Body
    private let explain: @Sendable (any Error) -> any Error
    private var lines = EventLines()
    private var body: HTTPClientResponse.Body.AsyncIterator?
    private var isOver = false

    init(
        open: @escaping @Sendable () async throws -> HTTPClientResponse.Body,
        explaining explain: @escaping @Sendable (any Error) -> any Error
    ) {
        self.open = open
        self.explain = explain
    }

    /// Nil: the hub has ended the stream.
    func next() async throws -> HubEvent? {
        guard !isOver else { return nil }
        do {
            while true {
                if let event = try lines.next() { return event }
                // The iterator is taken out while it waits: calls come one after the other.
                var iterator: HTTPClientResponse.Body.AsyncIterator
                if let body { iterator = body } else { iterator = try await open().makeAsyncIterator() }
                let piece = try await iterator.next(isolation: self)
                body = iterator
                guard let piece else {
                    isOver = true
                    body = nil
                    return nil
                }
                lines.append(Array(piece.readableBytesView))
            }
        } catch {
            isOver = true
            body = nil
            throw explain(error)
        }
    }
}

/// Server-sent events out of bytes.
struct EventLines {
    /// Bytes of a line at most, and of an event's data: a hub leaves out deltas that make longer ones.
    static let longest = 128 << 10

    private var bytes: [UInt8] = []
    private var position = 0
    /// Where the search for the next line end goes on.
    private var searched = 0
    private var kind = ""
    private var data: [UInt8]?

    mutating func append(_ more: [UInt8]) {
        bytes.removeFirst(position)
        searched -= position
        position = 0
        bytes.append(contentsOf: more)
    }

    /// The next event; nil: there is none yet.
    /// - Throws: ``HubError`` when a line is too long, when it is no event, and when the hub tells why it ends.
    mutating func next() throws -> HubEvent? {
        while let line = try line() {
            if line.isEmpty {
                defer {
                    kind = ""
                    data = nil
                }
                if let data { return try event(data) }
            } else if line.first == UInt8(ascii: ":") {
                return .alive
            } else {
                try field(line)
            }
        }
        return nil
    }

    private mutating func line() throws -> [UInt8]? {
        guard let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = bytes.count
            guard bytes.count - position <= Self.longest else { throw unreadable("a line is too long") }
            return nil
        }
        var line = bytes[position..<end]
        position = end + 1
        searched = position
        guard line.count <= Self.longest else { throw unreadable("a line is too long") }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return Array(line)
    }

    private mutating func field(_ line: [UInt8]) throws {
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "event": kind = String(decoding: value, as: UTF8.self)
        case "data":
            if data?.append(UInt8(ascii: "\n")) == nil { data = [] }
            data?.append(contentsOf: value)
            guard data?.count ?? 0 <= Self.longest else { throw unreadable("an event is too long") }
        default: break
        }
    }

    private func event(_ data: [UInt8]) throws -> HubEvent {
        if kind == "error" {
            guard let told = try? JSONDecoder().decode(ErrorJSON.self, from: Data(data)) else {
                throw unreadable("it ended with an error that can't be read")
            }
            throw HubError(told.kind, told.message)
        }
        guard let wire = Data(base64Encoded: Data(data)) else { throw unreadable("it is not base 64") }
        do { return try HubEvent(wire: Array(wire), limit: 16 << 20) } catch {
            throw unreadable("\(error)")
        }
    }

    private func unreadable(_ why: String) -> HubError {
        HubError(
            .unavailable, "an event of the hub can't be read: \(why); bring both sides to the same version")
    }
}
