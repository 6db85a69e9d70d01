/// The files of a client's documents: found, read, and written so that no edit is lost that someone makes meanwhile.
struct DocumentFolder: Sendable {
    let files: any FileSystem
    let root: String
    /// The only document, where it is a file that is watched and not a folder.
    let only: (name: DocumentName, path: String)?
    /// Where the client's memory is, with the trash.
    let state: String
    /// Whether names that differ in case only are one file here.
    let ignoresCase: Bool

    /// - Parameter probing: whether a file may be made to see whether case matters.
    /// - Throws: ``FileProblem`` where a file can't be a document.
    init(
        files: any FileSystem, source: DocumentSource, state: String, probing: Bool = true
    ) throws(FileProblem) {
        self.files = files
        root = source.folder
        if case .file(let path) = source {
            guard let only = source.only else {
                throw FileProblem(.failed, "\(path) has no name that a document can have: rename it")
            }
            self.only = (only, String(path.split(separator: "/").last ?? ""))
        } else {
            only = nil
        }
        self.state = state
        ignoresCase = probing && files.ignoresCase(in: state)
    }

    func path(_ relative: String) -> String { "\(root)/\(relative)" }

    /// Whether a document of the hub belongs here.
    func holds(_ document: DocumentName) -> Bool {
        only.map { $0.name == document } ?? !IgnoredNames.ignores(path: document.text)
    }

    /// Where the file of a document is that has none yet.
    func path(for document: DocumentName) -> String { only?.path ?? document.text }

    // MARK: Finding

    /// What is in the folder.
    struct Scan: Sendable {
        var files: [DocumentName: (path: String, facts: FileFacts)] = [:]
        /// Files that can't be documents, and folders that can't be looked into, and why.
        var problems: [String: String] = [:]
        /// Such folders, each with a slash at its end.
        var closed: [String] = []

        /// Whether a file is not there any more; one in a closed folder may be.
        func isGone(_ record: DocumentRecord) -> Bool {
            files[record.document] == nil && !closed.contains { record.path.hasPrefix($0) }
        }
    }

    /// Looks through the whole folder.
    /// - Throws: ``FileProblem``, also when the folder is gone: that deletes no document.
    func scan() throws(FileProblem) -> Scan {
        var scan = Scan()
        if let only {
            try checkRoot()
            if let facts = try files.facts(of: path(only.path)), facts.kind == .file {
                scan.files[only.name] = (only.path, facts)
            }
            return scan
        }
        var open = [""]
        while let folder = open.popLast() {
            let entries: [FileEntry]
            do throws(FileProblem) {
                entries = try files.entries(of: folder.isEmpty ? root : path(folder))
            } catch {
                if folder.isEmpty { throw error.kind == .missing ? gone() : error }
                if error.kind == .missing { continue }
                scan.problems[folder] = error.message
                scan.closed.append("\(folder)/")
                continue
            }
            for entry in entries.sorted(by: { $0.name < $1.name }) where !IgnoredNames.ignores(entry.name) {
                let relative = folder.isEmpty ? entry.name : "\(folder)/\(entry.name)"
                guard entry.isText else {
                    scan.problems[relative] =
                        "\(relative) has a name that is not UTF-8, and is left out; rename it"
                    continue
                }
                switch entry.facts.kind {
                case .folder: open.append(relative)
                case .other: continue
                case .file: add(relative, entry.facts, to: &scan)
                }
            }
        }
        return scan
    }

    private func add(_ relative: String, _ facts: FileFacts, to scan: inout Scan) {
        do {
            let name = try DocumentName(relative)
            if let other = scan.files[name] {
                scan.problems[relative] =
                    "\(relative) and \(other.path) are one name in two forms of Unicode: rename one of them"
            } else {
                scan.files[name] = (relative, facts)
            }
        } catch {
            scan.problems[relative] = "\(error); rename it"
        }
    }

    /// Files that are gone with their folder were not deleted by anyone.
    /// - Throws: ``FileProblem`` when it is gone.
    func checkRoot() throws(FileProblem) {
        guard try files.facts(of: root)?.kind == .folder else { throw gone() }
    }

    private func gone() -> FileProblem {
        FileProblem(.missing, "the folder \(root) is gone; nothing is deleted at the hub, bring it back")
    }

    /// Removes drafts that a client left when it died, except those that a record still speaks of.
    func removeDrafts(except kept: Set<String>) throws(FileProblem) {
        var open = [root]
        while let folder = open.popLast() {
            let entries: [FileEntry]
            do throws(FileProblem) {
                entries = try files.entries(of: folder)
            } catch {
                // One that can't be looked into is told of where documents are looked for.
                if folder == root { throw error }
                continue
            }
            for entry in entries {
                let path = "\(folder)/\(entry.name)"
                if entry.facts.kind == .folder {
                    if only == nil, !IgnoredNames.ignores(entry.name) { open.append(path) }
                } else if entry.name.hasPrefix(IgnoredNames.draftPrefix), !kept.contains(path) {
                    try files.remove(path)
                }
            }
        }
    }

    // MARK: Reading

    /// The content of a document's file; nil: there is none.
    func read(_ relative: String) throws(FileProblem) -> [UInt8]? {
        try checkFolders(of: relative)
        guard let facts = try files.facts(of: path(relative)) else { return nil }
        guard facts.kind == .file else {
            throw FileProblem(
                .exists,
                "\(path(relative)) is a folder or a link, where a document's file should be: move it away")
        }
        return try files.read(path(relative))
    }

    /// Where a file is that has this name in another form of Unicode, which makes no difference to people; nil where the name itself is
    /// there, or none.
    func otherForm(of relative: String) throws(FileProblem) -> String? {
        guard try files.facts(of: path(relative)) == nil, !relative.utf8.allSatisfy({ $0 < 0x80 }) else {
            return nil
        }
        var found = ""
        for part in relative.split(separator: "/") {
            let folder = found.isEmpty ? root : path(found)
            guard try files.facts(of: folder)?.kind == .folder else { return nil }
            // Texts are equal here in whatever form they are.
            let forms = try files.entries(of: folder).map(\.name).filter { $0 == String(part) }
            guard let form = forms.first(where: { $0.isSameName(as: String(part)) }) ?? forms.first else {
                return nil
            }
            found += found.isEmpty ? form : "/\(form)"
        }
        return found
    }

    /// No folder on the way to a file may be a link: it could lead anywhere.
    private func checkFolders(of relative: String) throws(FileProblem) {
        var folder = root
        for part in relative.split(separator: "/").dropLast() {
            folder += "/\(part)"
            guard let facts = try files.facts(of: folder) else { return }
            guard facts.kind == .folder else {
                throw FileProblem(
                    .exists, "\(folder) is a file or a link, where a folder should be: move it away")
            }
        }
    }

    // MARK: Writing

    /// What became of a file that was to be written.
    enum Outcome: Sendable {
        case written
        /// It has not the content any more that it was to have, so nothing was written.
        case overtaken
    }

    /// A new place for a draft beside a file.
    func draft(for relative: String, _ random: UInt64) -> String {
        let path = path(relative)
        return "\(SystemFiles.folder(of: path))/\(IgnoredNames.draftPrefix)\(String(random, radix: 16))"
    }

    /// Puts a text into a file, if it still has the one that is expected. The old one stays in the draft's place for
    /// ``finish(_:old:)``.
    ///
    /// The draft and the file exchange their names in one step, and only then the old file is looked at once more: had
    /// someone written to it meanwhile, the names are exchanged back.
    func write(
        _ text: [UInt8], to relative: String, expecting old: TextHash?, draft: String
    ) throws(FileProblem) -> Outcome {
        let path = path(relative)
        try checkFolders(of: relative)
        let facts = try files.facts(of: path)
        guard facts?.kind ?? .file == .file else {
            throw FileProblem(
                .exists, "\(path) is a folder or a link, where a document's file should be: move it away")
        }
        if let facts, facts.mode & 0o222 == 0 {
            throw FileProblem(.forbidden, "\(path) is read-only; give it write permission, it is tried again")
        }
        try files.makeFolder(SystemFiles.folder(of: path))
        try files.remove(draft)
        // Under its name a draft is whole: half of one could be just the old text, and look as if it had been exchanged.
        let part = "\(draft).part"
        try files.remove(part)
        do throws(FileProblem) {
            try files.create(part, with: text, mode: facts?.mode)
            if facts != nil { files.giveOwner(of: path, to: part) }
            try files.rename(part, to: draft)
        } catch {
            try? files.remove(part)
            throw error
        }
        do throws(FileProblem) {
            guard let old else {
                if try files.renameNew(draft, to: path) { return .written }
                try files.remove(draft)
                return .overtaken
            }
            guard try hash(of: path) == old else {
                try files.remove(draft)
                return .overtaken
            }
            try checkWriters(path)
            guard try files.exchange(draft, with: path) else {
                try files.rename(draft, to: path)
                return .written
            }
        } catch {
            if error.kind == .missing {
                // It was removed meanwhile.
                try files.remove(draft)
                return .overtaken
            }
            try? files.remove(draft)
            throw error
        }
        guard let old, try hash(of: draft) != old else { return .written }
        _ = try files.exchange(draft, with: path)
        // What is in the draft's place now is ours, unless someone was quick enough to write to that.
        if try hash(of: draft) != TextHash(of: text) { try keepInTrash(file: draft, of: relative) }
        try files.remove(draft)
        return .overtaken
    }

    /// A program that has a file open goes on writing into it when another one has its name, and nobody would ever see that.
    private func checkWriters(_ path: String) throws(FileProblem) {
        guard files.hasWriter(path) else { return }
        throw FileProblem(
            .failed,
            "\(path) is held open by a program that writes to it; what others wrote comes in once it is closed"
        )
    }

    /// Removes what a write left in its draft's place. What someone wrote into the old file after all goes to the trash.
    /// - Returns: that late text.
    @discardableResult
    func finish(draft: String, old: TextHash?, of relative: String) throws(FileProblem) -> [UInt8]? {
        guard let left = try files.read(draft) else { return nil }
        let isLate = old != nil && TextHash(of: left) != old
        if isLate { try keepInTrash(file: draft, of: relative) }
        try files.remove(draft)
        return isLate ? left : nil
    }

    /// Moves a file to the trash, if it still has the content that is expected.
    func discard(_ relative: String, expecting old: TextHash, at date: Int64) throws(FileProblem) -> Outcome {
        try checkFolders(of: relative)
        let path = path(relative)
        guard try hash(of: path) == old else { return .overtaken }
        try checkWriters(path)
        let place = try trash(for: relative, date)
        do throws(FileProblem) {
            try files.rename(path, to: place)
        } catch  where error.kind == .missing {
            return .overtaken
        }
        guard try hash(of: place) != old else { return .written }
        // Someone wrote to it meanwhile: it goes back, unless there is another one by now.
        _ = try files.renameNew(place, to: path)
        return .overtaken
    }

    /// Keeps a copy of a text that is about to be replaced by someone's decision.
    func keepInTrash(_ text: [UInt8], of relative: String, at date: Int64) throws(FileProblem) {
        try files.create(try trash(for: relative, date), with: text, mode: nil)
    }

    private func keepInTrash(file: String, of relative: String) throws(FileProblem) {
        try files.rename(file, to: try trash(for: relative, 0))
    }

    /// Keeps a copy of a text that the hub refused.
    /// - Returns: where.
    func keepRefused(_ text: [UInt8], _ hash: TextHash, of relative: String) throws(FileProblem) -> String {
        let name = "\(relative.split(separator: "/").joined(separator: "_").suffix(150))"
        let place = "\(state)/refused/\(hash.description.prefix(12))-\(name)"
        if try files.facts(of: place) == nil { try files.create(place, with: text, mode: nil) }
        return place
    }

    /// A free place in the trash.
    private func trash(for relative: String, _ date: Int64) throws(FileProblem) -> String {
        let name = "\(relative.split(separator: "/").joined(separator: "_").suffix(150))"
        var number = 0
        while true {
            let place = "\(state)/trash/\(date / 1_000_000)-\(number)-\(name)"
            if try files.facts(of: place) == nil { return place }
            number += 1
        }
    }

    func hash(of path: String) throws(FileProblem) -> TextHash? {
        try files.read(path).map { TextHash(of: $0) }
    }
}

/// What a client keeps in agreement with a set at a hub.
public enum DocumentSource: Sendable, Hashable {
    /// One file; the document has its name.
    case file(String)
    /// All files in a folder and those below it, except what editors leave there for a while.
    case folder(String)

    /// Absolute, without a slash at its end.
    var folder: String {
        switch self {
        case .file(let path): SystemFiles.folder(of: path)
        case .folder(let path): path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        }
    }

    var only: DocumentName? {
        guard case .file(let path) = self else { return nil }
        return path.split(separator: "/").last.flatMap { try? DocumentName(String($0)) }
    }

    /// Where a client keeps what it remembers, unless it is told another place.
    public var state: String {
        let place = "\(folder)/\(IgnoredNames.stateFolder)/documents"
        return only.map { "\(place)/\(TextHash(of: Array($0.text.utf8)).description.prefix(16))" }
            ?? "\(place)/folder"
    }
}
