import Dovetail
import DovetailEngine
import Foundation

/// Looks at two sources and drafts a job that fits them: what `dovetail init` writes and `dovetail diff`
/// uses.
public struct JobScaffold: Sendable {
    private let sources: Sides<SourceReference>
    private let factory: ReplicaFactory
    private let onlyLooks: Bool

    /// Two sources that have nothing in common to keep in agreement.
    public struct NothingShared: Error, Sendable, CustomStringConvertible {
        /// What each side has.
        public let description: String
    }

    /// What was drafted.
    public struct Draft: Sendable {
        /// How output shall call the sides.
        public var labels: (left: String, right: String)
        /// The tables, with the reasons for how they are matched.
        public var tables: [TableTemplate]
        /// What was left out, and why.
        public var notes: [String]
        /// The types that were found by looking at values, on sides that declare none.
        public var types: (left: [JobTemplate.FoundType], right: [JobTemplate.FoundType])
    }

    /// - Parameters:
    ///   - factory: what makes replicas of sources.
    ///   - onlyLooks: whether the draft is for one comparison, in which what can't be written to may take part.
    public init(
        left: SourceReference, right: SourceReference, factory: ReplicaFactory = .standard,
        onlyLooks: Bool = false
    ) {
        self.onlyLooks = onlyLooks
        sources = Sides(left: left, right: right)
        self.factory = factory
    }

    /// Reads both sides and drafts tables, fields and matches. Writes nothing.
    ///
    /// - Parameters:
    ///   - wanted: the tables to take, by name or as `LEFT=RIGHT`; empty: all that belong together.
    ///   - match: what identifies a record, when that need not be found out.
    /// - Throws: ``NothingShared``, ``ReplicaFactory/Unusable``, `ReplicaError`.
    public func draft(tables wanted: [String] = [], match: JobFile.Match? = nil) async throws -> Draft {
        let labels = Self.labels(sources)
        let replicas = try Sides(
            left: factory.replica(for: sources.left, named: "\(sources.left)"),
            right: factory.replica(for: sources.right, named: "\(sources.right)"))
        do {
            let draft = try await draft(replicas, labels, wanted, match)
            await replicas.left.close()
            await replicas.right.close()
            return draft
        } catch {
            await replicas.left.close()
            await replicas.right.close()
            throw error
        }
    }

    private func draft(
        _ replicas: Sides<any Replica>, _ labels: Sides<String>, _ wanted: [String], _ match: JobFile.Match?
    ) async throws -> Draft {
        let descriptions = try await Sides(left: replicas.left.describe(), right: replicas.right.describe())
        let pairs: [TablePair]
        var notes: [String] = []
        if wanted.isEmpty {
            let pairing = TablePairing(descriptions, labels: labels, onlyLooks: onlyLooks)
            (pairs, notes) = (pairing.pairs, pairing.notes)
        } else {
            pairs = try wanted.map { try pair($0, descriptions, labels) }
        }
        guard !pairs.isEmpty else {
            func names(_ side: Side) -> String {
                let names = descriptions[side].filter { $0.readOnlyReason == nil }.map(\.name)
                return "\(labels[side]) has \(names.isEmpty ? "no table" : names.joined(separator: ", "))"
            }
            throw NothingShared(
                description: (["the sides have no table of the same name: \(names(.left)); \(names(.right))"]
                    + notes).joined(separator: "; "))
        }
        let left = try await replicas.left.observe()
        let observations: Sides<any Observation>
        do {
            observations = Sides(left: left, right: try await replicas.right.observe())
        } catch {
            await left.finish()
            throw error
        }
        do {
            var tables: [TableTemplate] = []
            for pair in pairs {
                if let table = try await template(pair, observations, labels, match) {
                    tables.append(table)
                } else {
                    notes.append("\(pair.name) has no field that both sides share")
                }
            }
            await observations.left.finish()
            await observations.right.finish()
            tables = breakingReferences(tables, pairs)
            let types = descriptions.map(Self.foundTypes)
            return Draft(
                labels: (labels.left, labels.right), tables: tables, notes: notes,
                types: (types.left, types.right))
        } catch {
            await observations.left.finish()
            await observations.right.finish()
            throw error
        }
    }

    private static func foundTypes(_ tables: [TableDescription]) -> [JobTemplate.FoundType] {
        tables.flatMap(\.columns).compactMap { column in
            guard let reason = column.typeReason else { return nil }
            // A column without values has no type yet that could be declared.
            let type = column.type == .any ? "text" : column.type.name
            return JobTemplate.FoundType(column: column.name, type: type, reason: reason)
        }
    }

    private func pair(
        _ text: String, _ descriptions: Sides<[TableDescription]>, _ labels: Sides<String>
    ) throws -> TablePair {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard let name = parts.first, let other = parts.last else {
            throw NothingShared(description: "“\(text)” names no table; write NAME or LEFT=RIGHT")
        }
        func table(_ name: String, _ side: Side) throws -> TableDescription {
            if let found = descriptions[side].first(where: { $0.name == name }) { return found }
            let names = descriptions[side].map(\.name)
            throw NothingShared(
                description: "\(labels[side]) has no table “\(name)”; "
                    + Spelling.hint(for: name, in: names, otherwise: "it has"))
        }
        return TablePair(
            name: name, descriptions: Sides(left: try table(name, .left), right: try table(other, .right)))
    }

    private func template(
        _ pair: TablePair, _ observations: Sides<any Observation>, _ labels: Sides<String>,
        _ match: JobFile.Match?
    ) async throws -> TableTemplate? {
        var template = FieldPairing(pair).template
        var file = JobFile(
            job: "draft", folder: "/", left: .init(label: labels.left, source: sources.left),
            right: .init(label: labels.right, source: sources.right), tables: .all)
        file.direction = .both
        var mapper = FieldMapper(file, template.table, pair.descriptions, keys: [])
        let fields = mapper.map()
        guard !fields.isEmpty else { return nil }
        if let match {
            template.match = match
            return template
        }
        let found = try await MatchFinder(pair: pair, fields: fields, observations: observations).find()
        template.match = found.match
        template.matchReason = found.reason
        return template
    }

    /// Fields that hold another record's id, which means nothing on the other side, take no part.
    private func breakingReferences(_ tables: [TableTemplate], _ pairs: [TablePair]) -> [TableTemplate] {
        var tables = tables
        for index in tables.indices {
            guard let pair = pairs.first(where: { $0.name == tables[index].name }) else { continue }
            for side in Side.allCases {
                for key in pair.descriptions[side].foreignKeys where key.columns.count == 1 {
                    guard let parent = pairs.first(where: { $0.descriptions[side].name == key.table }),
                        key.targetColumns == [parent.descriptions[side].idColumn ?? ""],
                        let match = tables.first(where: { $0.name == parent.name })?.match, match != .id
                    else { continue }
                    tables[index].leaveOut(
                        key.columns[0], side,
                        "it holds an id of \(parent.name), and each side numbers those for itself; "
                            + "refer to a shared field, or match \(parent.name) by id")
                }
            }
        }
        return tables
    }

    // MARK: Names

    /// The base names of both sources, where they tell the sides apart.
    private static func labels(_ sources: Sides<SourceReference>) -> Sides<String> {
        let names = sources.map(\.shortName)
        return names.left == names.right ? Sides(left: "left", right: "right") : names
    }

    /// A source as a job file in `folder` writes it: paths inside the folder, or given relative, start there.
    public static func written(_ source: SourceReference, from folder: String) -> String {
        guard let path = source.program?.path ?? source.resolvedPath else { return source.description }
        let isRelative = !["/", "~"].contains { source.rest.hasPrefix($0) }
        let base = folder.hasSuffix("/") ? folder : folder + "/"
        let shown: String
        if path.hasPrefix(base) {
            shown = String(path.dropFirst(base.count))
        } else {
            shown = isRelative ? relative(path, to: folder) : path
        }
        return
            "\(source.scheme.rawValue):\(Substitution.escape(source.program?.written(path: shown) ?? shown))"
    }

    private static func relative(_ path: String, to folder: String) -> String {
        let target = path.split(separator: "/")
        let start = folder.split(separator: "/")
        let shared = zip(target, start).prefix { $0 == $1 }.count
        let up = Array(repeating: "..", count: start.count - shared)
        return (up + target.dropFirst(shared).map(String.init)).joined(separator: "/")
    }
}

extension TableTemplate {
    /// Takes the field of a column out.
    fileprivate mutating func leaveOut(_ column: String, _ side: Side, _ reason: String) {
        let index = fields.firstIndex { (side == .left ? $0.left : $0.right) == column }
        let name = index.map { fields[$0].name } ?? column
        guard !ignore.contains(name), !skipped.contains(where: { $0.field == name }) else { return }
        if let index { fields.remove(at: index) }
        ignore.append(name)
        skipped.append(.init(field: name, side: side.fileSide, reason: reason))
    }
}
