import Foundation

/// A page could not be written.
public struct PageFileError: Error, Sendable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// The place is none to write to: another one has to be given.
        case place
        /// Writing began and failed.
        case full
    }

    public let kind: Kind
    public let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// Where a page goes: all of it, or nothing.
public struct PageFile: Sendable {
    public let path: String

    /// Looks at the place before the work begins that would be in vain.
    /// - Throws: ``PageFileError``.
    public init(_ path: String) throws {
        self.path = path
        func refuse(_ why: String) -> PageFileError {
            PageFileError(.place, "\(path) can't be written: \(why); choose another place with --html")
        }
        guard !path.isEmpty else { throw PageFileError(.place, "--html needs the name of a file") }
        var facts = stat()
        if stat(path, &facts) == 0 {
            switch facts.st_mode & S_IFMT {
            case S_IFREG: break
            case S_IFDIR: throw refuse("it is a folder")
            default: throw refuse("it is no ordinary file")
            }
        } else if path.hasSuffix("/") {
            throw refuse("it names a folder")
        }
        let folder = self.folder
        guard stat(folder, &facts) == 0 else { throw refuse("there is no folder \(folder)") }
        guard facts.st_mode & S_IFMT == S_IFDIR else { throw refuse("\(folder) is no folder") }
        guard access(folder, W_OK) == 0 else { throw refuse(String(cString: strerror(errno))) }
        guard (path as NSString).lastPathComponent.utf8.count <= 200 else {
            throw refuse("its name is too long")
        }
    }

    private var folder: String {
        let folder = (path as NSString).deletingLastPathComponent
        return folder.isEmpty ? "." : folder
    }

    /// Writes through `work`; only when that has ended well, the file is there.
    /// - Throws: ``PageFileError``, and what `work` throws.
    func write(_ work: ((Data) throws -> Void) throws -> Void) throws {
        let name = (path as NSString).lastPathComponent
        let part = "\(folder)/.\(name).\(UUID().uuidString.prefix(8)).part"
        guard
            FileManager.default.createFile(
                atPath: part, contents: nil, attributes: [.posixPermissions: 0o600]),
            let file = FileHandle(forWritingAtPath: part)
        else {
            let why = String(cString: strerror(errno))
            throw PageFileError(.place, "\(path) can't be written: \(why); choose another place with --html")
        }
        do {
            try work { data in
                do {
                    try file.write(contentsOf: data)
                } catch {
                    throw PageFileError(.full, "\(path) can't be written: \(error.localizedDescription)")
                }
            }
            try file.close()
            guard rename(part, path) == 0 else {
                throw PageFileError(.full, "\(path) can't be written: \(String(cString: strerror(errno)))")
            }
        } catch {
            try? FileManager.default.removeItem(atPath: part)
            throw error
        }
    }
}
