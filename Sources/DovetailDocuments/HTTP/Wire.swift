/// Something that has a form in bytes. Its version is in the path of requests, so bytes carry none.
package protocol WireCodable {
    func write(to writer: inout WireWriter)
    init(from reader: inout WireReader) throws(WireError)
}

extension WireCodable {
    package var wire: [UInt8] {
        var writer = WireWriter()
        write(to: &writer)
        return writer.bytes
    }

    /// - Parameter limit: how many bytes its compressed parts may make.
    /// - Throws: ``WireError`` for anything that ``wire`` doesn't make.
    package init(wire: [UInt8], limit: Int) throws(WireError) {
        var reader = WireReader(wire, limit: limit)
        self = try Self(from: &reader)
        try reader.finish()
    }
}

/// Which of a message's optional parts are there: one bit each.
private struct Presence {
    var bits: UInt8

    init(_ parts: Bool...) { bits = parts.reversed().reduce(0) { $0 << 1 | ($1 ? 1 : 0) } }

    init(from reader: inout WireReader, parts: Int) throws(WireError) {
        bits = try reader.byte()
        guard bits >> parts == 0 else { throw reader.wrong("it has parts that are unknown") }
    }

    func has(_ part: Int) -> Bool { bits >> part & 1 == 1 }
}

extension WireWriter {
    fileprivate mutating func hash(_ hash: TextHash?) { if let hash { fixed(hash.bytes) } }

    fileprivate mutating func list(_ list: [some WireCodable]) {
        count(list.count)
        for element in list { element.write(to: &self) }
    }

    fileprivate mutating func position(_ position: LogPosition) {
        random(position.epoch)
        count(position.sequence)
    }
}

extension WireReader {
    fileprivate mutating func document() throws(WireError) -> DocumentName {
        let text = try text()
        do { return try DocumentName(text) } catch { throw wrong("\(error)") }
    }

    fileprivate mutating func hash(_ isThere: Bool) throws(WireError) -> TextHash? {
        isThere ? TextHash(bytes: try fixed(32)) : nil
    }

    fileprivate mutating func key() throws(WireError) -> CommitKey {
        guard let key = CommitKey(bytes: try fixed(16)) else { throw wrong("a key is missing") }
        return key
    }

    fileprivate mutating func position() throws(WireError) -> LogPosition {
        LogPosition(epoch: try random(), sequence: try count())
    }

    fileprivate mutating func list<Element: WireCodable>() throws(WireError) -> [Element] {
        try list { reader throws(WireError) in try Element(from: &reader) }
    }
}

extension CommitDraft: WireCodable {
    package func write(to writer: inout WireWriter) {
        writer.byte(Presence(parentHash != nil, result != nil).bits)
        writer.text(document.text)
        writer.position(parent)
        writer.hash(parentHash)
        writer.hash(result)
        writer.fixed(key.bytes)
        writer.blob(delta)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let presence = try Presence(from: &reader, parts: 2)
        self.init(
            document: try reader.document(), parent: try reader.position(),
            parentHash: try reader.hash(presence.has(0)), result: try reader.hash(presence.has(1)),
            delta: [], key: try reader.key())
        delta = try reader.blob()
    }
}

extension Commit: WireCodable {
    package func write(to writer: inout WireWriter) {
        writer.byte(Presence(parent != nil, result != nil).bits)
        writer.text(document.text)
        writer.count(sequence)
        writer.count(place)
        writer.hash(parent)
        writer.hash(result)
        writer.count(size)
        writer.text(author)
        writer.count(time)
        writer.fixed(key.bytes)
        writer.blob(delta)
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let presence = try Presence(from: &reader, parts: 2)
        self.init(
            document: try reader.document(), sequence: try reader.count(), place: try reader.count(),
            parent: try reader.hash(presence.has(0)), result: try reader.hash(presence.has(1)),
            size: try reader.count(), author: try reader.text(), time: try reader.count(),
            key: try reader.key(), delta: try reader.blob())
    }
}

extension Snapshot: WireCodable {
    package func write(to writer: inout WireWriter) {
        writer.byte(Presence(text != nil).bits)
        writer.text(document.text)
        writer.position(position)
        if let text { writer.blob(text) }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        let presence = try Presence(from: &reader, parts: 1)
        self.init(document: try reader.document(), position: try reader.position(), text: nil)
        if presence.has(0) { text = try reader.blob() }
    }
}

extension PushAnswer: WireCodable {
    package func write(to writer: inout WireWriter) {
        switch self {
        case .committed(let sequence, let place, let time):
            writer.byte(0)
            writer.count(sequence)
            writer.count(place)
            writer.count(time)
        case .stale(let commits):
            writer.byte(1)
            writer.list(commits)
        case .gone(let snapshot):
            writer.byte(2)
            snapshot.write(to: &writer)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.byte() {
        case 0:
            self = .committed(
                sequence: try reader.count(), place: try reader.count(), time: try reader.count())
        case 1: self = .stale(try reader.list())
        case 2: self = .gone(try Snapshot(from: &reader))
        default: throw reader.wrong("it is an answer of an unknown kind")
        }
    }
}

extension LogPart: WireCodable {
    package func write(to writer: inout WireWriter) {
        switch self {
        case .commits(let commits):
            writer.byte(0)
            writer.list(commits)
        case .gone(let snapshot):
            writer.byte(1)
            snapshot.write(to: &writer)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.byte() {
        case 0: self = .commits(try reader.list())
        case 1: self = .gone(try Snapshot(from: &reader))
        default: throw reader.wrong("it is a part of an unknown kind")
        }
    }
}

extension HubEvent: WireCodable {
    package func write(to writer: inout WireWriter) {
        switch self {
        case .alive: writer.byte(0)
        case .commit(let commit):
            writer.byte(1)
            commit.write(to: &writer)
        case .conflict(let id, let place):
            writer.byte(2)
            writer.text(id)
            writer.count(place)
        case .restart(let epoch, let place):
            writer.byte(3)
            writer.random(epoch)
            writer.count(place)
        }
    }

    package init(from reader: inout WireReader) throws(WireError) {
        switch try reader.byte() {
        case 0: self = .alive
        case 1: self = .commit(try Commit(from: &reader))
        case 2: self = .conflict(id: try reader.text(), place: try reader.count())
        case 3: self = .restart(epoch: try reader.random(), place: try reader.count())
        default: throw reader.wrong("it is an event of an unknown kind")
        }
    }

    /// Where the set is after it, for who goes on from there.
    package var place: Int64? {
        switch self {
        case .alive: nil
        case .commit(let commit): commit.place
        case .conflict(_, let place), .restart(_, let place): place
        }
    }
}

/// Several events.
package struct EventList: WireCodable, Sendable, Hashable {
    package var events: [HubEvent]

    package init(_ events: [HubEvent]) { self.events = events }

    package func write(to writer: inout WireWriter) { writer.list(events) }

    package init(from reader: inout WireReader) throws(WireError) { events = try reader.list() }
}
