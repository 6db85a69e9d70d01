public import DovetailDocuments
import Foundation

/// How a hub is run, as a YAML file says it.
///
/// ```yaml
/// store: hub.db                        # a file, or postgresql://…; relative to this file
/// listen: {host: 127.0.0.1, port: 8420}
/// documents:                           # the first entry that fits a document has the say
///   - {set: notes, name: "**.log", merge: append, append_only: true}
///   - {name: "**", merge: lines, characters: utf-8, largest: 1_000_000}
/// keep: {days: 90, commits: 1000}      # every commit for ever, unless given
/// limits: {text: 50_000_000, commits_per_minute: 600}
/// ```
public struct HubFile: Sendable, Hashable {
    /// A path, resolved, or the address of a database; nil: there is no hub's file. Where one says nothing, `hub.db` beside it.
    public var store: String?
    public var host: String?
    public var port: Int?
    /// Paths of PEM files.
    public var certificates: String?
    public var key: String?
    public var settings: HubSettings

    /// All as it is where nothing is said.
    public init(settings: HubSettings = HubSettings()) { self.settings = settings }

    /// Reads a hub's file.
    /// - Throws: a ``JobFileError`` that names everything that is wrong.
    public static func load(
        path: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(JobFileError) -> HubFile {
        func refuse(_ message: String, _ hint: String) -> JobFileError {
            JobFileError(problems: [JobFileError.Problem(file: path, message: message, hint: hint)])
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw refuse("the file can't be read", "give the path of a hub's file")
        }
        guard let yaml = String(validating: data, as: UTF8.self) else {
            throw refuse("the file is not UTF-8 text", "save it as UTF-8")
        }
        return try parse(yaml: yaml, path: path, environment: environment)
    }

    /// Reads the text of a hub's file.
    /// - Throws: a ``JobFileError`` that names everything that is wrong.
    public static func parse(
        yaml: String, path: String, environment: [String: String]
    ) throws(JobFileError) -> HubFile {
        var document = YAMLDocument(file: path)
        let tree = try document.read(yaml)
        var reader = ItemReader(file: path, folder: FilePaths.folder(of: path), environment: environment)
        reader.add(document.problems)
        var file = HubFile(settings: HubSettings())
        file.store = FilePaths.resolve("hub.db", relativeTo: FilePaths.folder(of: path), home: nil)
        if let tree, !tree.isEmpty {
            reader.read(Item(node: tree, path: NodePath(), position: tree.position), into: &file)
        }
        guard reader.problems.isEmpty else { throw JobFileError(problems: reader.problems) }
        return file
    }
}

extension ItemReader {
    fileprivate mutating func read(_ root: Item, into file: inout HubFile) {
        let keys = ["store", "listen", "documents", "keep", "limits"]
        guard let map = map(root, keys: keys, form: "store:, listen: and documents:") else { return }
        if let item = map["store"], let store = text(item, "a file or postgresql://…") {
            file.store =
                store.contains("://") ? store : FilePaths.resolve(store, relativeTo: folder, home: nil)
        }
        if let item = map["listen"] { listen(item, into: &file) }
        if let item = map["documents"],
            let items = list(item, of: "rules", form: "- {name: \"**\", merge: lines}")
        {
            file.settings.rules = RuleBook(items.compactMap { rule($0) })
        }
        if let item = map["keep"] { file.settings.pruning = pruning(item) }
        if let item = map["limits"] { limits(item, into: &file.settings.limits) }
    }

    private mutating func listen(_ item: Item, into file: inout HubFile) {
        let keys = ["host", "port", "certificates", "key"]
        guard let map = map(item, keys: keys, form: "{host: 127.0.0.1, port: 8420}") else { return }
        file.host = map["host"].flatMap { text($0, "an address of this machine") }
        if let item = map["port"], let port = integer(item, "a port") {
            if port <= 65_535 {
                file.port = port
            } else {
                report(item, "there is no port \(port)", hint: "write 0 to 65535")
            }
        }
        func path(_ key: String, _ reader: inout ItemReader) -> String? {
            map[key].flatMap { reader.text($0, "the path of a PEM file") }
                .map { FilePaths.resolve($0, relativeTo: reader.folder, home: nil) }
        }
        file.certificates = path("certificates", &self)
        file.key = path("key", &self)
        if (map["certificates"] == nil) != (map["key"] == nil) {
            report(item, "TLS needs both", hint: "give certificates: and key:")
        }
    }

    private mutating func rule(_ item: Item) -> RuleBook.Entry? {
        let keys = ["set", "name", "merge", "append_only", "characters", "largest", "command"]
        guard let map = map(item, keys: keys, form: "{name: \"**\", merge: lines}") else { return nil }
        var entry = RuleBook.Entry(pattern: "**", rules: DocumentRules())
        if let item = map["set"], let set = text(item, "the name of a set") {
            if !SetName.isValid(set) { report(item, "this can't be the name of a set", hint: SetName.rule) }
            entry.set = set
        }
        if let item = map["name"], let name = text(item, "a pattern of names") { entry.pattern = name }
        if let item = map["merge"], let merge = choice(item, DocumentRules.Merge.self) {
            entry.rules.merge = merge
        }
        if let item = map["append_only"], let flag = bool(item) { entry.rules.appendOnly = flag }
        if let item = map["characters"], let characters = choice(item, DocumentRules.Characters.self) {
            entry.rules.characters = characters
        }
        entry.rules.largest = map["largest"].flatMap { integer($0, "a number of bytes") }
        if let item = map["command"], let words = list(item, of: "words", form: "[./check.sh, strict]") {
            var command = words.compactMap { text($0, "a word of the command") }
            // A path is relative to this file, as every path in it; a bare name is sought in PATH.
            if let program = command.first, program.contains("/") {
                command[0] = FilePaths.resolve(program, relativeTo: folder, home: nil)
            }
            entry.rules.command = command
        }
        return entry
    }

    private mutating func pruning(_ item: Item) -> HubSettings.Pruning? {
        guard let map = map(item, keys: ["days", "commits"], form: "{days: 90, commits: 1000}") else {
            return nil
        }
        let days = map["days"].flatMap { number($0, "a number of days") }
        let commits = map["commits"].flatMap { integer($0, "a number of commits") }
        return HubSettings.Pruning(keepDays: days ?? 0, keepCommits: commits ?? 1)
    }

    private mutating func limits(_ item: Item, into limits: inout HubLimits) {
        let keys = ["text", "message", "commits_per_minute", "documents"]
        guard let map = map(item, keys: keys, form: "{text: 50_000_000, commits_per_minute: 600}") else {
            return
        }
        if let item = map["text"], let bytes = integer(item, "a number of bytes") {
            limits.largestText = bytes
        }
        if let item = map["message"], let bytes = integer(item, "a number of bytes") {
            limits.largestMessage = bytes
        }
        if let item = map["commits_per_minute"], let count = integer(item, "a number of commits") {
            limits.commitsPerMinute = count
        }
        if let item = map["documents"], let count = integer(item, "a number of documents") {
            limits.documentsPerSet = count
        }
    }
}
