/// The files that a client works on: of the system, or in memory where a simulation decides what happens to them.
///
/// Paths are absolute. What changes something is done whole or not at all, except that ``create(_:with:mode:)`` may leave an
/// incomplete file behind when the process dies; it is durable when the call returns.
public protocol FileSystem: Sendable {
    /// The content of a file; nil: there is no such file.
    func read(_ path: String) throws(FileProblem) -> [UInt8]?
    /// What is known of a path without reading it, links not followed; nil: there is nothing.
    func facts(of path: String) throws(FileProblem) -> FileFacts?
    /// What is in a folder, links not followed, in no order.
    func entries(of folder: String) throws(FileProblem) -> [FileEntry]
    /// Makes a folder and those above it; nothing where it is there.
    func makeFolder(_ path: String) throws(FileProblem)
    /// Makes a file. It must not be there.
    /// - Parameter mode: its rights; nil: as the system has them for new files.
    func create(_ path: String, with bytes: [UInt8], mode: UInt32?) throws(FileProblem)
    /// Gives a file another name, and takes the place of what is there.
    func rename(_ path: String, to new: String) throws(FileProblem)
    /// Gives a file another name where there is nothing yet.
    /// - Returns: false: there is something.
    func renameNew(_ path: String, to new: String) throws(FileProblem) -> Bool
    /// Exchanges what two paths name, in one step.
    /// - Returns: false: this file system can't.
    func exchange(_ path: String, with other: String) throws(FileProblem) -> Bool
    /// Removes a file; nothing where it is gone already.
    func remove(_ path: String) throws(FileProblem)
    /// Holds a file against other processes, and makes it where it is missing, until the lock is let go of.
    /// - Returns: nil: another one holds it.
    func lock(_ path: String) throws(FileProblem) -> (any FileLock)?
    /// Whether names that differ in case only are one file in a folder.
    func ignoresCase(in folder: String) -> Bool
    /// Whether a program has a file open to write to it, as far as that can be known.
    func hasWriter(_ path: String) -> Bool
    /// Gives a file the owner and the group of another one, where that is allowed.
    func giveOwner(of path: String, to new: String)
}

extension FileSystem {
    public func hasWriter(_ path: String) -> Bool { false }
    public func giveOwner(of path: String, to new: String) {}
}

/// A file that is held. It is let go of with its last reference, and by the system with its process.
public protocol FileLock: AnyObject, Sendable {}

/// What is known of a file without reading it.
public struct FileFacts: Sendable, Hashable {
    public enum Kind: Sendable, Hashable { case file, folder, other }

    public var kind: Kind
    /// Bytes.
    public var size: Int
    /// Microseconds since 1970, by the clock of the file system.
    public var changed: Int64
    /// The rights, as of `chmod`.
    public var mode: UInt32
    /// What the file system knows it by; used again after it is removed.
    public var number: UInt64

    public init(kind: Kind, size: Int, changed: Int64, mode: UInt32, number: UInt64) {
        self.kind = kind
        self.size = size
        self.changed = changed
        self.mode = mode
        self.number = number
    }
}

/// A name in a folder.
public struct FileEntry: Sendable, Hashable {
    public var name: String
    public var facts: FileFacts
    /// False: its name is no text, and is given as far as it is one.
    public var isText: Bool

    public init(name: String, facts: FileFacts, isText: Bool = true) {
        self.name = name
        self.facts = facts
        self.isText = isText
    }
}

/// What a file system refuses.
public struct FileProblem: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable {
        case missing, forbidden, full, exists, failed
    }

    public var kind: Kind
    /// For a person: what, where, what to do.
    public var message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }
}
