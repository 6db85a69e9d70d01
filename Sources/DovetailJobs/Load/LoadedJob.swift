public import Dovetail
public import DovetailEngine

/// A job file that met its data: ready to run.
public struct LoadedJob: Sendable {
    /// What the file says.
    public var file: JobFile
    /// The job as the engine runs it.
    public var job: SyncJob
    /// The tables of each side as they describe themselves.
    public var descriptions: Sides<[TableDescription]>
    /// What is worth knowing though it stops nothing: fields left out, names that differ in case.
    public var notes: [JobNote]

    /// Lets go of both replicas.
    public func close() async {
        await job.replicas.left.close()
        await job.replicas.right.close()
    }
}

/// Something worth knowing about a job that stops nothing.
public struct JobNote: Sendable, Hashable, Codable {
    /// The table it is about; nil for the whole job.
    public var table: String?
    /// The note, in words.
    public var message: String

    /// Makes a note.
    public init(table: String? = nil, _ message: String) {
        self.table = table
        self.message = message
    }
}

extension JobFile.Side {
    /// The engine's word for this side.
    var engineSide: Dovetail.Side { self == .left ? .left : .right }
}

extension Dovetail.Side {
    /// The job file's word for this side.
    var fileSide: JobFile.Side { self == .left ? .left : .right }
}

extension JobFile.Direction {
    /// The engine's word for this direction.
    public var engineDirection: Dovetail.Direction {
        switch self {
        case .both: .both
        case .leftToRight: .leftToRight
        case .rightToLeft: .rightToLeft
        }
    }
}
