import Foundation

/// What a client remembers, durably: a record for each document, and texts by their hashes.
///
/// A record is written only after the texts that it needs, and a text is removed only when no record needs it any more. Each
/// record is one file that is replaced in one step, so whenever the process dies each document is remembered as it was before or
/// after.
struct ClientState {
    private let files: any FileSystem
    let folder: String
    private let lock: (any FileLock)?
    /// Random; kept until it turns out that someone else has it.
    private(set) var client: ClientIdentity
    private(set) var records: [DocumentName: DocumentRecord] = [:]
    /// The set at the hub that places in records are of; nil: none was met yet.
    private(set) var set: String?
    /// What was found damaged when it was opened, for people.
    private(set) var problems: [String] = []
    var isReadOnly: Bool { lock == nil }
    private var uses: [TextHash: Int] = [:]
    private var drafts = 0

    /// Who a client is. Its commits' keys begin with it.
    struct ClientIdentity: Sendable, Hashable, Codable {
        /// 8 random bytes.
        var id: UInt64
        /// What the file system knew the state's folder by: a copy has another.
        var place: UInt64

        var name: String { String(id, radix: 16) }
    }

    /// Reads what another client may be keeping just now, and changes nothing.
    /// - Throws: ``FileProblem``.
    init(reading folder: String, files: any FileSystem) throws(FileProblem) {
        self.files = files
        self.folder = folder
        lock = nil
        client = try Self.identity(in: folder, files) ?? ClientIdentity(id: 0, place: 0)
        set = try files.read("\(folder)/set").flatMap { String(validating: $0, as: UTF8.self) }
        if try files.facts(of: "\(folder)/records") != nil { try loadRecords(puttingAside: false) }
    }

    private static func identity(
        in folder: String, _ files: any FileSystem
    ) throws(FileProblem) -> ClientIdentity? {
        try files.read("\(folder)/client.json").flatMap {
            try? JSONDecoder().decode(ClientIdentity.self, from: Data($0))
        }
    }

    /// - Throws: ``FileProblem`` that says what to do, also when another client has the folder.
    init(
        folder: String, files: any FileSystem, random: inout some RandomNumberGenerator
    ) throws(FileProblem) {
        self.files = files
        self.folder = folder
        for part in ["records", "texts", "trash", "refused", "decisions"] {
            try files.makeFolder("\(folder)/\(part)")
        }
        guard let lock = try files.lock("\(folder)/lock") else {
            throw FileProblem(
                .exists,
                "another client keeps the documents of \(folder): only one can; end that one first")
        }
        self.lock = lock
        let place = try files.facts(of: "\(folder)/records")?.number ?? 0
        let known = try Self.identity(in: folder, files)
        client = known ?? ClientIdentity(id: random.next(), place: place)
        if known == nil || client.place != place { try renewClient(place: place, using: &random) }
        set = try files.read("\(folder)/set").flatMap { String(validating: $0, as: UTF8.self) }
        try removeDrafts()
        try loadRecords(puttingAside: true)
        try removeUnusedTexts()
    }

    /// Becomes another client: somebody else works with a copy of this state, or it was restored from one.
    mutating func renewClient(using random: inout some RandomNumberGenerator) throws(FileProblem) {
        try renewClient(place: client.place, using: &random)
    }

    private mutating func renewClient(
        place: UInt64, using random: inout some RandomNumberGenerator
    ) throws(FileProblem) {
        let new = ClientIdentity(id: random.next(), place: place)
        try replace("\(folder)/client.json", with: try Self.encoded(new))
        client = new
    }

    /// From now on places are of another set: of what was agreed only the texts hold, and conflicts with the old one are over. If it
    /// dies on the way, it begins anew.
    mutating func enter(set: String) throws(FileProblem) {
        guard set != self.set else { return }
        for var record in self.set == nil ? [] : records.values.map({ $0 }) {
            record.agreed.isKnown = false
            record.agreed.position = LogPosition(epoch: 0, sequence: 0)
            record.pending = nil
            record.refused = nil
            record.settled = []
            // Marks stay in the file until someone removes them.
            if record.conflict?.state != .marked { record.conflict = nil }
            record.conflict?.isReported = true
            try save(record)
        }
        if !isReadOnly { try replace("\(folder)/set", with: Array(set.utf8)) }
        self.set = set
    }

    // MARK: Records

    /// Keeps a record in place of the one that it follows, with new texts that it needs.
    /// - Throws: ``FileProblem``; then the old one holds.
    mutating func save(_ record: DocumentRecord, texts: [[UInt8]] = []) throws(FileProblem) {
        let old = records[record.document]?.texts ?? []
        let needed = record.texts
        for text in texts {
            let hash = TextHash(of: text)
            guard needed.contains(hash), uses[hash, default: 0] == 0 else { continue }
            try keep(text, hash)
        }
        guard records[record.document].map({ !$0.isSame(as: record) }) ?? true else { return }
        if !isReadOnly { try replace(path(of: record.document), with: try Self.encoded(record)) }
        records[record.document] = record
        for text in needed.subtracting(old) { uses[text, default: 0] += 1 }
        for text in old.subtracting(needed) {
            uses[text, default: 1] -= 1
            guard uses[text] == 0, !isReadOnly else { continue }
            uses[text] = nil
            // One that stays is removed when the state is opened again.
            try? files.remove(path(of: text))
        }
    }

    /// Forgets a document.
    mutating func forget(_ document: DocumentName) throws(FileProblem) {
        guard let record = records[document] else { return }
        try files.remove(path(of: document))
        records[document] = nil
        for text in record.texts {
            uses[text, default: 1] -= 1
            if uses[text] == 0 {
                uses[text] = nil
                try? files.remove(path(of: text))
            }
        }
    }

    /// A text that a record needs; nil: it is missing or damaged.
    func text(_ hash: TextHash) throws(FileProblem) -> [UInt8]? {
        guard let text = try files.read(path(of: hash)), TextHash(of: text) == hash else { return nil }
        return text
    }

    // MARK: Decisions

    /// What someone decided about a conflict, and the hub's text that he saw.
    struct Decision: Codable {
        var resolution: DocumentConflict.Resolution
        var theirs: TextHash?
        /// What was in the file then, where a whole text was given: edits since go on top of that.
        var mine: [UInt8]?
    }

    /// Keeps what someone decided until it is carried out. Any process may.
    /// - Throws: ``FileProblem``.
    func decide(_ id: DocumentConflict.ID, _ decision: Decision) throws(FileProblem) {
        try replace("\(folder)/decisions/\(id).json", with: try Self.encoded(decision))
    }

    /// What someone decided about a conflict, here.
    func decision(_ id: DocumentConflict.ID) throws(FileProblem) -> Decision? {
        try files.read("\(folder)/decisions/\(id).json").flatMap {
            try? JSONDecoder().decode(Decision.self, from: Data($0))
        }
    }

    /// Forgets a decision that was carried out.
    func forgetDecision(_ id: DocumentConflict.ID) throws(FileProblem) {
        try files.remove("\(folder)/decisions/\(id).json")
    }

    // MARK: Files

    /// Writes a file in one step.
    func replace(_ path: String, with bytes: [UInt8]) throws(FileProblem) {
        let draft = "\(path).draft"
        try files.remove(draft)
        try files.create(draft, with: bytes, mode: nil)
        try files.rename(draft, to: path)
    }

    private mutating func keep(_ text: [UInt8], _ hash: TextHash) throws(FileProblem) {
        try replace(path(of: hash), with: text)
    }

    private func path(of text: TextHash) -> String { "\(folder)/texts/\(text)" }

    private func path(of document: DocumentName) -> String {
        "\(folder)/records/\(TextHash(of: Array(document.text.utf8))).json"
    }

    private static func encoded(_ value: some Encodable) throws(FileProblem) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value))
        } catch {
            throw FileProblem(.failed, "what is remembered can't be written down: \(error)")
        }
    }

    private func removeDrafts() throws(FileProblem) {
        for part in ["", "/records", "/texts", "/decisions"] {
            for entry in try files.entries(of: folder + part) where entry.name.hasSuffix(".draft") {
                try files.remove("\(folder)\(part)/\(entry.name)")
            }
        }
    }

    private mutating func loadRecords(puttingAside: Bool) throws(FileProblem) {
        for entry in try files.entries(of: "\(folder)/records").sorted(by: { $0.name < $1.name })
        where entry.name.hasSuffix(".json") {
            let path = "\(folder)/records/\(entry.name)"
            guard let bytes = try files.read(path) else { continue }
            do {
                let record = try JSONDecoder().decode(DocumentRecord.self, from: Data(bytes))
                records[record.document] = record
                for text in record.texts { uses[text, default: 0] += 1 }
            } catch {
                // Without it the document's texts are compared as if they met for the first time; nothing is lost.
                if puttingAside { try files.rename(path, to: "\(path).damaged") }
                problems.append(
                    "\(path) was damaged and is put aside; its document is compared with the hub anew")
            }
        }
    }

    private func removeUnusedTexts() throws(FileProblem) {
        for entry in try files.entries(of: "\(folder)/texts") {
            if let hash = TextHash(entry.name), uses[hash] == nil {
                try files.remove("\(folder)/texts/\(entry.name)")
            }
        }
    }
}
