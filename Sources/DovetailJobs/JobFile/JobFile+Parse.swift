import Dovetail
import DovetailFlatFiles
import Foundation

extension JobFile {
    /// Reads a job file.
    ///
    /// - Parameters:
    ///   - path: the file, as the user called it; messages call it the same.
    ///   - environment: what `${NAME}` reads.
    /// - Throws: a ``JobFileError`` that names everything that is wrong.
    public static func load(
        path: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(JobFileError) -> JobFile {
        func refuse(_ message: String, _ hint: String) -> JobFileError {
            JobFileError(JobFileError.Problem(file: path, message: message, hint: hint))
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw refuse("no such file", "give the path of a job file")
        }
        guard !isFolder.boolValue else {
            throw refuse("this is a folder", "give the path of a job file in it")
        }
        // One byte more than a job file may have is enough to see that it has too many.
        let file = FileHandle(forReadingAtPath: path)
        guard let data = try? file?.read(upToCount: YAMLDocument.maximumBytes + 1) ?? Data() else {
            throw refuse("the file can't be read", "check its permissions")
        }
        guard let yaml = String(validating: data, as: UTF8.self) else {
            throw refuse("the file is not UTF-8 text", "save it as UTF-8")
        }
        return try parse(yaml: yaml, path: path, environment: environment)
    }

    /// Reads the text of a job file.
    ///
    /// - Parameters:
    ///   - yaml: the text.
    ///   - path: where the file is: its name in messages, its folder for relative paths, and without `job:`
    ///     its base name for the job. Nothing is read from there.
    ///   - environment: what `${NAME}` reads.
    /// - Throws: a ``JobFileError`` that names everything that is wrong.
    public static func parse(
        yaml: String, path: String, environment: [String: String]
    ) throws(JobFileError) -> JobFile {
        var document = YAMLDocument(file: path)
        let tree = try document.read(yaml)
        guard let tree, !tree.isEmpty else {
            throw JobFileError(
                JobFileError.Problem(
                    file: path, message: "the file is empty", hint: "write left:, right: and tables:"))
        }
        var reader = ItemReader(file: path, folder: FilePaths.folder(of: path), environment: environment)
        reader.add(document.problems)
        let job = reader.job(Item(node: tree, path: NodePath(), position: tree.position))
        guard let job, reader.problems.isEmpty else { throw JobFileError(problems: reader.problems) }
        return job
    }

    /// A job name made of a text: what a job name can't hold becomes `-`.
    static func jobName(from text: String) -> String {
        let name = String(text.map { isNameCharacter($0) ? $0 : "-" })
        return isJobName(name) ? name : "job"
    }

    static func isJobName(_ name: String) -> Bool {
        name.allSatisfy(isNameCharacter) && name.contains { $0.isLetter || $0.isNumber }
            && !name.hasPrefix(".")
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || "-_.".contains(character)
    }
}

extension ItemReader {
    private static let jobKeys = [
        "job", "left", "right", "direction", "tables", "conflicts", "deletes", "limits", "history", "state",
        "change_feed", "lock_wait", "busy_timeout",
    ]

    fileprivate mutating func job(_ root: Item) -> JobFile? {
        guard let map = map(root, keys: Self.jobKeys, form: "left:, right: and tables:") else { return nil }
        let name = jobName(map)
        let left = replica(map, .left)
        let right = replica(map, .right)
        let tables = tables(map)
        var job: JobFile?
        if let left, let right {
            // Without tables or a name the reading goes on, to name every problem; the job is then not
            // returned.
            job = JobFile(
                job: name ?? "", folder: folder, left: left, right: right, tables: tables ?? .listed([]))
        }
        let direction = map["direction"].flatMap { choice($0, JobFile.Direction.self) }
        let conflicts = map["conflicts"].flatMap { policy($0) }
        let deletes = map["deletes"].flatMap { choice($0, JobFile.DeleteRule.self) }
        let limits = map["limits"].flatMap { self.limits($0) }
        let history = map["history"].flatMap { self.history($0) }
        job?.state = map["state"].flatMap { state($0) }
        let changeFeed = map["change_feed"].flatMap { bool($0) }
        job?.lockWait = map["lock_wait"].flatMap { number($0, "a number of seconds") }
        let busyTimeout = map["busy_timeout"].flatMap { number($0, "a number of seconds") }
        guard var job else { return nil }
        job.direction = direction ?? job.direction
        job.conflicts = conflicts ?? job.conflicts
        job.deletes = deletes ?? job.deletes
        job.limits = limits ?? job.limits
        job.history = history ?? job.history
        job.changeFeed = changeFeed ?? job.changeFeed
        job.busyTimeout = busyTimeout ?? job.busyTimeout
        checkSides(job, map)
        checkFeeds(job, map)
        var positions = positions
        positions[""] = root.position
        job.places = JobFile.Places(file: file, positions: positions)
        return job
    }

    private mutating func jobName(_ map: MapReader) -> String? {
        let allowed = "letters, digits and -_. only"
        guard let item = map["job"] else {
            let name = FilePaths.baseName(of: file)
            guard !JobFile.isJobName(name) else { return name }
            report(
                at: map.item.position, NodePath().key("job"),
                "the file's name can't be the job's name: \(allowed)",
                hint: "add job: \(JobFile.jobName(from: name))")
            return nil
        }
        guard let name = text(item, "a name") else { return nil }
        guard JobFile.isJobName(name) else {
            let raw = item.node.scalar ?? ""
            report(item, "a job's name has \(allowed)", hint: "write job: \(JobFile.jobName(from: raw))")
            return nil
        }
        return name
    }

    private mutating func replica(_ job: MapReader, _ side: JobFile.Side) -> JobFile.Replica? {
        let form = "\(side.rawValue): {source: gpkg:PATH}"
        guard let item = job[side.rawValue] else {
            report(
                at: job.item.position, NodePath().key(side.rawValue), "is missing",
                hint: "write \(form)")
            return nil
        }
        if item.node.scalar != nil, !item.node.isEmpty {
            return source(item).map { JobFile.Replica(label: side.rawValue, source: $0) }
        }
        guard let map = map(item, keys: ["label", "source", "change_feed", "types", "delimiter"], form: form)
        else { return nil }
        let label = map["label"].map { self.label($0) } ?? side.rawValue
        let changeFeed = map["change_feed"].flatMap { bool($0) }
        guard let sourceItem = map["source"] else {
            report(at: item.position, item.path.key("source"), "is missing", hint: "write source: gpkg:PATH")
            return nil
        }
        let types = map["types"].flatMap { self.types($0) } ?? [:]
        let delimiter = map["delimiter"].flatMap { self.delimiter($0) }
        guard let source = source(sourceItem), let label else { return nil }
        checkFlatFile(source, map)
        return JobFile.Replica(
            label: label, source: source, changeFeed: changeFeed, types: types, delimiter: delimiter)
    }

    /// `types: {nr: int, geom: point 25832}`
    private mutating func types(_ item: Item) -> [String: FieldType]? {
        guard let map = anyMap(item, form: "types: {FIELD: TYPE}") else { return nil }
        var types: [String: FieldType] = [:]
        for (name, item) in map.items {
            guard let words = text(item, "a type") else { continue }
            guard let type = TypeWords.type(words) else {
                report(item, "\(quote(item)) is no type", hint: "write \(TypeWords.form)")
                continue
            }
            types[name] = type
        }
        return types
    }

    private mutating func delimiter(_ item: Item) -> Character? {
        guard let text = text(item, "a character") else { return nil }
        if text == "tab" { return "\t" }
        guard text.count == 1, let character = text.first, let byte = character.asciiValue, byte != 0x22,
            byte >= 0x20
                || byte == 0x09
        else {
            report(item, "\(quote(item)) is no delimiter", hint: "write one character such as \";\", or tab")
            return nil
        }
        return character
    }

    /// Refuses what only flat files have, and what they have not.
    private mutating func checkFlatFile(_ source: SourceReference, _ map: MapReader) {
        if let item = map["types"], !source.scheme.isFlatFile {
            report(item, "\(source.scheme.rawValue): declares its types itself", hint: "remove types:")
        }
        if let item = map["delimiter"], source.scheme != .csv {
            report(item, "only csv: has a delimiter", hint: "remove delimiter:")
        }
    }

    /// A flat file has nothing that could note changes.
    private mutating func checkFeeds(_ job: JobFile, _ map: MapReader) {
        for side in JobFile.Side.allCases where job.replica(side).source.scheme.isFlatFile {
            let hint = "write change_feed: false for this side, or remove it"
            if job.changeFeed(on: side) {
                let own = job.replica(side).changeFeed == true
                let path =
                    own ? NodePath().key(side.rawValue).key("change_feed") : NodePath().key("change_feed")
                report(
                    at: positions[path.text] ?? map.item.position, path,
                    "\(job.replica(side).label) is a flat file, which has no change feed", hint: hint)
            }
            for table in job.tables.listed where table.changeFeed == true {
                let path = NodePath().key("tables").key(table.name).key("change_feed")
                report(
                    at: positions[path.text] ?? map.item.position, path,
                    "\(job.replica(side).label) is a flat file, which has no change feed", hint: "remove it")
            }
        }
    }

    private mutating func label(_ item: Item) -> String? {
        guard let label = text(item, "a label") else { return nil }
        guard !label.contains(where: \.isNewline) else {
            report(item, "a label is one line", hint: "remove the line break")
            return nil
        }
        return label
    }

    private mutating func source(_ item: Item) -> SourceReference? {
        guard let text = text(item, "a source such as gpkg:PATH") else { return nil }
        do {
            return try SourceReference(
                text, written: item.node.scalar, relativeTo: folder, home: environment["HOME"])
        } catch {
            // A source that is read from the environment may be a secret as a whole: not even its scheme is
            // shown.
            let isRead = item.node.scalar?.prefix { $0 != ":" }.contains("${") ?? false
            let message = isRead ? "\(quote(item)) holds no source" : error.message
            let hint =
                isRead ? "write one of \(SourceReference.knownForms.joined(separator: ", "))" : error.hint
            report(item, message, hint: hint)
            return nil
        }
    }

    private mutating func state(_ item: Item) -> JobFile.StateLocation? {
        guard let text = text(item, "a path or postgresql://HOST/DATABASE") else { return nil }
        if text.contains("://") || KeyValueSource.matches(text) {
            guard
                let source = try? SourceReference(text, written: item.node.scalar, relativeTo: folder),
                source.scheme == .postgresql
            else {
                report(
                    item, "the state can't be kept at this address",
                    hint: "write a path or postgresql://HOST/DATABASE")
                return nil
            }
            return .server(source)
        }
        let path = text.hasPrefix("sqlite:") ? String(text.dropFirst("sqlite:".count)) : text
        return .path(FilePaths.resolve(path, relativeTo: folder, home: environment["HOME"]))
    }

    private mutating func checkSides(_ job: JobFile, _ map: MapReader) {
        if job.left.label == job.right.label, let item = map["right"] {
            report(item, "both sides have the same label", hint: "give each side a label of its own")
        }
        guard job.left.source == job.right.source, let tables = map["tables"] else { return }
        let hint = "name another source or another table on one side"
        switch job.tables {
        case .all:
            report(tables, "both sides are the same source, so each table would meet itself", hint: hint)
        case .listed(let listed):
            for table in listed where table.left == table.right {
                let path = tables.path.key(table.name)
                report(
                    at: positions[path.text] ?? tables.position, path,
                    "both sides are the same table of the same source", hint: hint)
            }
        }
    }
}
