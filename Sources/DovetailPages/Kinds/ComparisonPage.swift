import Dovetail
import DovetailEngine

/// How two sources differ, as a page.
public struct ComparisonPage {
    let source: ComparisonSource
    var writer: PageWriter

    /// Differences that are worth keeping for a page.
    public static let limit = PageLimits().lines

    /// - Parameters:
    ///   - tables: what was found; their examples are listed.
    ///   - made: when it was found, in microseconds since 1970.
    public init(_ tables: [TableVerification], labels: Sides<String>, notes: [String] = [], made: Int64) {
        source = ComparisonSource(tables: tables, labels: labels)
        var facts = PageFacts(
            title: "\(labels.left) and \(labels.right)", heading: "How two sources differ",
            sides: heading(labels, nil), labels: labels,
            columns: ["Different", "Only on \(labels.left)", "Only on \(labels.right)", "Several", "Equal"],
            rows: tables.map { table in
                let counts = table.counts
                return PageFacts.Row(
                    table: table.table, side: nil,
                    numbers: [
                        counts.differing, counts.onlyLeft, counts.onlyRight, counts.duplicated, counts.equal,
                    ])
            }, tiles: [], quiet: "Both are equal.")
        func sum(_ number: (ComparisonCounts) -> Int) -> Int { tables.reduce(0) { $0 + number($1.counts) } }
        func tile(_ kind: EntryKind, _ count: Int) -> (String, HTML, String, Int) {
            (kind.rawValue, kind.sign, kind.plural(labels), count)
        }
        facts.tiles = [
            tile(.different, sum(\.differing)), tile(.onlyLeft, sum(\.onlyLeft)),
            tile(.onlyRight, sum(\.onlyRight)),
        ]
        let duplicated = sum(\.duplicated)
        if duplicated > 0 { facts.tiles.append(tile(.duplicated, duplicated)) }
        facts.tiles.append(("same", "=", "equal", sum(\.equal)))
        facts.lines = [("Made", Timestamp(microseconds: made - made % 1_000_000).isoZ)]
        facts.notes = notes
        facts.states = (labels.left, labels.right)
        writer = PageWriter(facts: facts)
    }

    /// - Throws: ``PageFileError``, ``PackingError``.
    public func write(to file: PageFile) async throws { try await writer.write(source, to: file) }
}

/// The differences that a comparison kept.
struct ComparisonSource: EntrySource {
    let tables: [TableVerification]
    let labels: Sides<String>

    func counts() -> [EntryGroup: Int] {
        var counts: [EntryGroup: Int] = [:]
        for table in tables {
            for (kind, count) in [
                (EntryKind.different, table.counts.differing), (.onlyLeft, table.counts.onlyLeft),
                (.onlyRight, table.counts.onlyRight), (.duplicated, table.counts.duplicated),
            ] { counts[EntryGroup(table: table.table, kind: kind)] = count }
        }
        return counts
    }

    func entries(_ receive: EntryReceiver) throws {
        for table in tables {
            for difference in table.examples { try receive(try line(of: difference, table.schema)) }
        }
    }

    private static func kind(of difference: Difference) -> EntryKind {
        switch (difference.left, difference.right) {
        case (_?, nil): .onlyLeft
        case (nil, _?): .onlyRight
        default: .different
        }
    }

    private func line(of difference: Difference, _ schema: TableSchema) throws -> PageEntry {
        var line = PageEntry(table: schema.name, key: difference.key.words, kind: .different)
        if let refusal = difference.refusal(schema) {
            line.kind = difference.isDuplicated ? .duplicated : Self.kind(of: difference)
            line.reason = refusal.reason(labels: labels)
            return line
        }
        let left = try difference.left?.fields.values()
        let right = try difference.right?.fields.values()
        let names = schema.fields.map(\.name)
        switch (difference.isDuplicated, left, right) {
        case (true, _, _):
            line.kind = .duplicated
            line.reason = "Several records have this key."
            line.shapes = Array(place: left ?? right ?? [])
        case (_, let left?, nil):
            line.kind = .onlyLeft
            line.fields = PageEntry.Field.values(names, left)
            line.shapes = Array(old: left, new: [])
        case (_, nil, let right?):
            line.kind = .onlyRight
            line.fields = PageEntry.Field.values(names, right)
            line.shapes = Array(old: [], new: right)
        case (_, let left?, let right?):
            for index in difference.fields where index < min(left.count, right.count, names.count) {
                line.fields.append(
                    PageEntry.Field(
                        name: names[index], content: .sides(base: nil, left: left[index], right: right[index])
                    ))
            }
            line.shapes = Array(old: left, new: right)
        case (_, nil, nil): break
        }
        return line
    }
}
