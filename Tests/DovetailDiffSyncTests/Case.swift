import DovetailDiffSync
import Foundation

/// The cases that were recorded with DiffSync 2.2.3, with what it did.
///
/// `DOVETAIL_DIFFSYNC_CASES` names another file of the same form.
struct Cases: Sendable {
    let schemas: [String: DiffSyncSchema]
    let all: [Case]

    static let recorded = Result { try Cases() }
    /// Whether these are the project's own.
    static let isOwn = ProcessInfo.processInfo.environment["DOVETAIL_DIFFSYNC_CASES"] == nil
    static var ids: [String] { (try? recorded.get().all.map(\.id)) ?? [] }

    private init() throws {
        let own = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Cases/diffsync.json")
        let file =
            ProcessInfo.processInfo.environment["DOVETAIL_DIFFSYNC_CASES"].map { URL(filePath: $0) } ?? own
        let document = try DiffSyncValue(json: String(contentsOf: file, encoding: .utf8))
        var schemas: [String: DiffSyncSchema] = [:]
        for field in document["schemas"]?.fields ?? [:] {
            schemas[field.name] = try DiffSyncSchema(json: field.value)
        }
        self.schemas = schemas
        all = (document["cases"]?.list ?? []).map(Case.init)
    }

    subscript(id: String) -> Case? { all.first { $0.id == id } }
}

/// One case: two forests, and what DiffSync does with them.
struct Case: Sendable {
    let json: DiffSyncValue

    var id: String { json["id"]?.text ?? "" }
    var flags: DiffSyncFlags { Self.flags(json["flags"]) }
    var order: DiffSyncOrder { Self.order(json["diff_class"]?.text) }
    var expect: DiffSyncValue { json["expect"] ?? [:] }
    var sync: DiffSyncValue { expect["sync"] ?? [:] }
    var fails: [DiffSyncValue] { json["fail"]?.list ?? [] }
    var precomputed: DiffSyncValue? { json["precomputed"] == .null ? nil : json["precomputed"] }

    /// A side, as it was when the given diff was made or as it is when the sync begins.
    func side(_ name: String, then: Bool = false) throws -> DiffSyncAdapter {
        let schemas = try Cases.recorded.get().schemas
        guard let schema = json["schema_\(name)"]?.text.flatMap({ schemas[$0] }) else {
            throw DiffSyncError.malformed("the case \(id) has no schema \(name)")
        }
        var adapter = DiffSyncAdapter(name.uppercased(), schema)
        try adapter.load((then ? precomputed?["then_\(name)"] : nil) ?? json[name] ?? [])
        return adapter
    }

    /// The diff that is given to the sync, if one is.
    func given() throws -> DiffSyncDiff? {
        guard let precomputed else { return nil }
        return try side("a").diffFrom(
            side("b"), flags: Self.flags(precomputed["flags"]),
            order: precomputed["diff_class"].map { Self.order($0.text) } ?? order)
    }

    private static func flags(_ names: DiffSyncValue?) -> DiffSyncFlags {
        let known: [String: DiffSyncFlags] = [
            "CONTINUE_ON_FAILURE": .continueOnFailure, "SKIP_UNMATCHED_SRC": .skipUnmatchedSource,
            "SKIP_UNMATCHED_DST": .skipUnmatchedDestination, "LOG_UNCHANGED_RECORDS": .logUnchangedRecords,
        ]
        return (names?.list ?? []).reduce(into: []) { $0.formUnion($1.text.flatMap { known[$0] } ?? []) }
    }

    private static func order(_ name: String?) -> DiffSyncOrder {
        switch name {
        case "alphabetical": .alphabetical
        case "reverse_site":
            DiffSyncOrder("reverse_site", types: ["site": { DiffSyncOrder.byName($0).reversed() }])
        case "action_order":
            DiffSyncOrder(
                "action_order",
                each: { group in
                    [.delete, .update, .create, nil].flatMap { action in group.filter { $0.action == action }
                    }
                })
        case "only_updates":
            DiffSyncOrder("only_updates", each: { $0.filter { $0.action == nil || $0.action == .update } })
        case "defer_deletes_reversed":
            DiffSyncOrder(
                "defer_deletes_reversed",
                order: { all in
                    all.filter { $0.action != .delete } + all.filter { $0.action == .delete }.reversed()
                })
        default: .default
        }
    }
}
