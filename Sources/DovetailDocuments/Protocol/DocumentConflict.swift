/// Two edits of the same lines that wait for someone to decide. The client that found it keeps its text in its own file; the hub
/// shows both sides, and passes a decision on.
public struct DocumentConflict: Sendable, Hashable, Codable, Identifiable {
    /// Random, of the client.
    public var id: String
    public var document: DocumentName
    /// Whose text stands against the hub's.
    public var client: String
    /// The last text that both had; nil: none.
    public var base: [UInt8]?
    /// The client's text; nil: deleted there.
    public var mine: [UInt8]?
    /// The hub's text that it was compared with; nil: deleted there.
    public var theirs: [UInt8]?
    /// Where the hub was.
    public var position: LogPosition
    /// Microseconds since 1970.
    public var time: Int64
    /// What someone decided; nil: it waits.
    public var resolution: Resolution?

    /// How a conflict ends. What is not in conflict is merged in each case.
    public enum Resolution: Sendable, Hashable, Codable {
        /// The conflicting lines as the client has them.
        case mine
        /// The conflicting lines as the hub has them.
        case theirs
        /// The conflicting lines of both, the hub's first.
        case both
        /// This text, whole.
        case text([UInt8])
    }

    public init(
        id: String, document: DocumentName, client: String, base: [UInt8]?, mine: [UInt8]?, theirs: [UInt8]?,
        position: LogPosition, time: Int64, resolution: Resolution? = nil
    ) {
        self.id = id
        self.document = document
        self.client = client
        self.base = base
        self.mine = mine
        self.theirs = theirs
        self.position = position
        self.time = time
        self.resolution = resolution
    }
}

extension DocumentName {
    /// Why a decision for both texts can't be carried out, for people.
    var cannotBeBoth: String {
        "“\(self)” has no lines that could stand one after the other, so it can't be both: decide for one of the two, or give a whole text"
    }
}
