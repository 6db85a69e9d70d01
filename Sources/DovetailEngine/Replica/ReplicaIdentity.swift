public import Dovetail

/// What a replica keeps to be recognised by: written at the end of each run that changed anything.
public struct ReplicaMark: Sendable, Hashable, Codable {
    public var job: String
    public var side: Side
    /// The identity of the job's state store. Another one means that the state was lost and made anew.
    public var state: String
    /// Grows with each run that changed anything: a restored backup carries a lower one.
    public var generation: Int64

    public init(job: String, side: Side, state: String, generation: Int64) {
        self.job = job
        self.side = side
        self.state = state
        self.generation = generation
    }
}

/// What a replica can be recognised by.
public struct ReplicaIdentity: Sendable, Hashable {
    /// The marks of the job that were found; a copy of the other side carries that side's mark.
    public var marks: [ReplicaMark]
    /// A number that only ever grows as the replica changes, where the store has one; it serves on sides that hold no
    /// mark.
    public var changeCounter: Int64?

    public init(marks: [ReplicaMark], changeCounter: Int64? = nil) {
        self.marks = marks
        self.changeCounter = changeCounter
    }
}
