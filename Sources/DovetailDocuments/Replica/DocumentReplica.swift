import Dovetail
public import DovetailEngine

/// Documents as a table of paths and texts, so that they can be planned, compared and synced like any other: the files of a folder, or
/// the documents of a set at a hub, where each write is a commit.
public struct DocumentReplica: Replica {
    /// The only table.
    public static let table = "documents"
    static let pathColumn = "path"
    static let textColumn = "text"

    public let name: String
    private let shelf: @Sendable () throws -> any DocumentShelf
    private let open: ShelfCache

    /// - Parameter folder: an absolute path.
    public init(folder: String, name: String) {
        self.name = name
        shelf = { try FolderShelf(folder, name: name) }
        open = ShelfCache()
    }

    /// - Parameter hub: makes the access to a set; called once, when it is first needed.
    public init(name: String, hub: @escaping @Sendable () throws -> any Hub) {
        self.name = name
        shelf = { HubShelf(try hub()) }
        open = ShelfCache()
    }

    /// Texts may be large: a batch that goes wrong is small.
    public var batchSize: Int { 64 }

    public func describe() async throws -> [TableDescription] {
        // What can't be reached is told here, before anything is planned.
        _ = try await observe()
        return [
            TableDescription(
                name: Self.table,
                columns: [
                    ColumnDescription(name: Self.pathColumn, type: .text),
                    ColumnDescription(name: Self.textColumn, type: .text),
                ], primaryKey: [Self.pathColumn])
        ]
    }

    public func observe() async throws -> any Observation {
        try await translated {
            DocumentObservation(replica: self, look: try await open.shelf(shelf).look())
        }
    }

    public func prepare(_ views: [TableView]) async throws {}

    public func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        let columns = try columns(view)
        return try await translated {
            let shelf = try await open.shelf(shelf)
            let look = try await shelf.look()
            var outcomes: [WriteOutcome] = []
            for write in writes { outcomes.append(try await carryOut(write, columns, shelf, look)) }
            return ApplyResult(outcomes: outcomes)
        }
    }

    private func carryOut(
        _ write: ReplicaWrite, _ columns: DocumentColumns, _ shelf: any DocumentShelf, _ look: any ShelfLook
    ) async throws -> WriteOutcome {
        guard let key = write.key, let document = try columns.document(key) else {
            return .rejected(.init(reason: "a path names a document, as notes/today.txt does"))
        }
        let old = try await look.text(of: document)
        let now = old.map { columns.record(document, $0) }
        if let outcome = try write.outcome(on: now.map(WriteTarget.record) ?? .nothing) { return outcome }
        let text = try write.write.result.map { try columns.text($0) }
        switch try await shelf.write(text, to: document, expecting: old) {
        case .written: return .applied(text.map { columns.record(document, $0) })
        case .overtaken: return .overtaken
        case .refused(let reason): return .rejected(.init(reason: reason))
        }
    }

    public func stamp(_ mark: ReplicaMark) async throws -> Bool { false }
    public func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {}
    public func close() async { await open.close() }

    /// - Throws: ``ReplicaError`` when documents can't be looked at so.
    func columns(_ view: TableView) throws -> DocumentColumns {
        func refusal(_ words: String) -> ReplicaError { ReplicaError(.unsuitable, replica: name, words) }
        guard view.table == Self.table else {
            throw refusal("there is no table \(view.table); there is \(Self.table)")
        }
        if view.filter != nil {
            throw refusal("documents have no language for conditions; leave “where” out")
        }
        if let column = view.columns.first(where: { $0.conversion != nil }) {
            throw refusal("\(column.column) is not converted here; declare “convert” on the other side")
        }
        let names = view.columns.map(\.column)
        guard names.sorted() == [Self.pathColumn, Self.textColumn] else {
            throw refusal("a document is its path and its text: name both fields, and no other")
        }
        guard view.keyFields.map({ names[$0] }) == [Self.pathColumn] else {
            throw refusal("documents are known by their paths; write match: [\(Self.pathColumn)]")
        }
        return DocumentColumns(isPathFirst: names[0] == Self.pathColumn)
    }

    /// Says what went wrong as every replica does.
    func translated<Result>(
        isolation: isolated (any Actor)? = #isolation, _ work: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await work()
        } catch let error as HubError {
            throw ReplicaError(Self.kind(error.kind), replica: name, error.message)
        } catch let error as FileProblem {
            throw ReplicaError(Self.kind(error.kind), replica: name, error.message)
        }
    }

    private static func kind(_ kind: HubError.Kind) -> ReplicaError.Kind {
        switch kind {
        case .unauthorized, .forbidden: .forbidden
        case .notFound, .pruned: .missing
        case .unavailable, .busy: .unreachable
        case .damaged: .damaged
        case .tooLarge: .full
        case .invalid, .refused: .failed
        }
    }

    private static func kind(_ kind: FileProblem.Kind) -> ReplicaError.Kind {
        switch kind {
        case .missing: .missing
        case .forbidden: .forbidden
        case .full: .full
        case .exists, .failed: .failed
        }
    }
}

/// The shelf of a replica, once it was needed.
private actor ShelfCache {
    private var shelf: (any DocumentShelf)?

    func shelf(_ make: @Sendable () throws -> any DocumentShelf) throws -> any DocumentShelf {
        if let shelf { return shelf }
        let made = try make()
        shelf = made
        return made
    }

    func close() async {
        let old = shelf
        shelf = nil
        await old?.close()
    }
}

/// In which order a job has the two fields.
struct DocumentColumns: Sendable {
    let isPathFirst: Bool

    func document(_ key: RecordKey) throws -> DocumentName? {
        guard case .text(let path)? = try key.values().first else { return nil }
        guard let name = try? DocumentName(path), name.text.utf8.elementsEqual(path.utf8) else { return nil }
        return name
    }

    func write(_ document: DocumentName, _ text: [UInt8], into builder: inout BatchBuilder) {
        var name = document.text
        builder.beginRecord()
        name.withUTF8 { builder.putKey(text: UnsafeRawBufferPointer($0)) }
        builder.endKey()
        builder.endLocator()
        for isPath in [isPathFirst, !isPathFirst] {
            if isPath {
                name.withUTF8 { builder.put(text: UnsafeRawBufferPointer($0)) }
            } else {
                text.withUnsafeBytes { builder.put(text: $0) }
            }
        }
        builder.endRecord()
    }

    func record(_ document: DocumentName, _ text: [UInt8]) -> Record {
        var builder = BatchBuilder(capacity: text.count + 4096)
        write(document, text, into: &builder)
        return builder.seal().records()[0]
    }

    /// - Throws: `PackingError`.
    func text(_ record: PackedRecord) throws -> [UInt8] {
        guard case .text(let text) = try record.value(at: isPathFirst ? 1 : 0) else { return [] }
        return Array(text.utf8)
    }
}

private struct DocumentObservation: Observation {
    let replica: DocumentReplica
    let look: any ShelfLook

    func identity(job: String) async throws -> ReplicaIdentity {
        ReplicaIdentity(marks: [], changeCounter: look.changeCounter)
    }

    func snapshot(of view: TableView) async throws -> any RecordCursor {
        DocumentCursor(replica, look, try replica.columns(view))
    }

    func read(_ references: [RecordReference], of view: TableView) async throws -> [Record] {
        let columns = try replica.columns(view)
        return try await replica.translated {
            var records: [Record] = []
            for reference in references {
                guard let document = try columns.document(reference.key),
                    let text = try await look.text(of: document)
                else { continue }
                records.append(columns.record(document, text))
            }
            return records
        }
    }

    func changes(of view: TableView, since cursor: FeedCursor) async throws -> ChangedKeys? {
        look.changes(after: cursor).map { changes in
            ChangedKeys(keys: changes.names.map { RecordKey([.text($0.text)]) }, cursor: changes.place)
        }
    }

    func feedPosition(of view: TableView) async throws -> FeedCursor? { look.changes(after: nil)?.place }
    func isEmpty(_ view: TableView) async throws -> Bool { look.names.isEmpty }
    func finish() async {}
}

/// Reads the texts one after the other, and hands them out some at a time.
private actor DocumentCursor: RecordCursor {
    private let replica: DocumentReplica
    private let look: any ShelfLook
    private let columns: DocumentColumns
    private var names: ArraySlice<DocumentName>
    /// Bytes after which a batch is handed out.
    private static let enough = 1 << 18

    init(_ replica: DocumentReplica, _ look: any ShelfLook, _ columns: DocumentColumns) {
        (self.replica, self.look, self.columns) = (replica, look, columns)
        names = look.names[...]
    }

    func next() async throws -> RecordBatch? {
        var found: [(DocumentName, [UInt8])] = []
        var size = 0
        while size < Self.enough, let name = names.popFirst() {
            // Gone since the look began: as if it had been gone then.
            guard let text = try await replica.translated({ try await look.text(of: name) }) else { continue }
            found.append((name, text))
            size += text.count + 64
        }
        guard !found.isEmpty else { return nil }
        var builder = BatchBuilder(capacity: size + 4096)
        for (name, text) in found { columns.write(name, text, into: &builder) }
        return builder.seal()
    }
}
