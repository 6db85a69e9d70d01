import DovetailDocuments
import Foundation
import NIOCore
import Synchronization

/// Server-sent events.
enum EventStream {
    static let contentType = "text/event-stream"
    /// A comment, which says that all is well.
    static let beat = ":\n"
    /// Bytes of an event at most; beyond, it goes without its delta, which is then asked for.
    private static let longest = 64 << 10

    /// An event in the stream's form: `id:17`, `data:` with its bytes in base 64, and an empty line.
    static func text(of event: HubEvent) -> String {
        guard event != .alive else { return beat }
        var wire = event.wire
        if case .commit(var commit) = event, wire.count > longest {
            commit.delta = []
            wire = HubEvent.commit(commit).wire
        }
        let id = event.place.map { "id:\($0)\n" } ?? ""
        return "\(id)data:\(Data(wire).base64EncodedString())\n\n"
    }

    /// Why the stream ends.
    static func text(of error: HubError) -> String {
        let data = (try? JSONEncoder().encode(ErrorJSON(error))) ?? Data("{}".utf8)
        return "event:error\ndata:\(String(decoding: data, as: UTF8.self))\n\n"
    }
}

/// The last events in their written form: each is written once, and sent to everyone.
final class WrittenEvents: Sendable {
    private struct Entry {
        var set: String
        var event: HubEvent
        var buffer: ByteBuffer
    }

    private static let most = 64
    private let entries = Mutex<[Entry]>([])

    func buffer(of event: HubEvent, in set: String) -> ByteBuffer {
        // Places are compared first, as they nearly always differ.
        let known = entries.withLock { entries in
            entries.last { $0.event.place == event.place && $0.set == set && $0.event == event }?.buffer
        }
        if let known { return known }
        let buffer = ByteBuffer(string: EventStream.text(of: event))
        entries.withLock { entries in
            if entries.count == Self.most { entries.removeFirst() }
            entries.append(Entry(set: set, event: event, buffer: buffer))
        }
        return buffer
    }
}
