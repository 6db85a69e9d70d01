import Dovetail
import DovetailConformance
import DovetailEngine
import DovetailFlatFiles
import Foundation
import Synchronization

/// Real files in folders of their own. The outside writer knows the formats by itself: it reads the file into rows with
/// readers of the system (JSON) or of this file (CSV), changes them, and writes all of it anew.
final class FlatFileHarness: ConformanceHarness {
    enum Form: Sendable { case csv, semicolons, collection, lines, separators }

    private struct Store: Sendable {
        var folder: URL
        var file: URL
        var table: TableDescription
        var rows: [[String: Value]] = []
    }

    private let form: Form
    private let stores = Mutex<[ObjectIdentifier: Store]>([:])

    init(_ form: Form) { self.form = form }

    private var isCSV: Bool { form == .csv || form == .semicolons }

    var abilities: ConformanceAbilities {
        var types: [FieldType] = [
            .bool, .int, .double, .decimal, .text, .bytes, .date, .time, .timestamp, .timestampWithZone,
            .interval,
            .uuid, .json,
        ]
        types.append(.geometry(GeometryKind(type: "POINT", srid: 4326)))
        return ConformanceAbilities(
            types: types, hasChangeFeed: false, holdsMarks: false, assignsIDs: !isCSV,
            checksUniqueKeys: false,
            checksForeignKeys: false, checksRequired: false, allowsDuplicateKeys: true, holdsNaN: isCSV,
            holdsSeveralTables: false)
    }

    func make(_ tables: [TableDescription]) async throws -> any Replica {
        guard var table = tables.first, tables.count == 1 else {
            throw ReplicaError(.unsuitable, replica: "harness", "a flat file holds one table")
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "flat-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let endings: [Form: String] = [
            .csv: "csv", .semicolons: "csv", .collection: "geojson", .lines: "geojsonl",
            .separators: "geojsons",
        ]
        let file = folder.appending(path: "\(table.name).\(endings[form] ?? "")")
        // Where a table has no key of its own, the features have ids.
        if !isCSV, table.column("id") == nil {
            table.columns.insert(ColumnDescription(name: "id", type: .int), at: 0)
        }
        var declared: [String: FieldType] = [:]
        for column in table.columns { declared[Self.name(column)] = column.type }
        let store = Store(folder: folder, file: file, table: table)
        try text(store).write(to: file, atomically: true, encoding: .utf8)
        let replica = FlatFileReplica(
            path: file.path, kind: isCSV ? .csv() : .geoJSON, name: table.name,
            types: FlatFileTypes(declared: declared))
        stores.withLock { $0[ObjectIdentifier(replica)] = store }
        return replica
    }

    private static func name(_ column: ColumnDescription) -> String { column.name }

    // MARK: The outside writer

    private func edit(_ replica: any Replica, _ change: (inout Store) -> Void) throws {
        guard let replica = replica as? FlatFileReplica else { return }
        var store = try store(replica)
        store.rows = try read(store)
        change(&store)
        try text(store).write(to: store.file, atomically: true, encoding: .utf8)
    }

    private func store(_ replica: any Replica) throws -> Store {
        guard let replica = replica as? FlatFileReplica,
            let store = stores.withLock({ $0[ObjectIdentifier(replica)] })
        else { throw ReplicaError(.failed, replica: replica.name, "no file of this harness") }
        return store
    }

    func insert(_ row: [String: Value], into table: String, of replica: any Replica) async throws {
        try edit(replica) { store in
            var row = row
            if !isCSV, row["id"] == nil, store.table.primaryKey.isEmpty {
                let ids = store.rows.compactMap { row -> Int64? in
                    if case .int(let id)? = row["id"] { id } else { nil }
                }
                row["id"] = .int((ids.max() ?? 0) + 1)
            }
            store.rows.append(row)
        }
    }

    func update(
        _ columns: [String: Value], where key: String, is value: Value, in table: String,
        of replica: any Replica
    ) async throws {
        try edit(replica) { store in
            for index in store.rows.indices where (store.rows[index][key] ?? .null) == value {
                store.rows[index].merge(columns) { $1 }
            }
        }
    }

    func delete(where key: String, is value: Value, from table: String, of replica: any Replica) async throws
    {
        try edit(replica) { store in store.rows.removeAll { ($0[key] ?? .null) == value } }
    }

    func fingerprint(of replica: any Replica) async throws -> String {
        let store = try store(replica)
        let files = try FileManager.default.contentsOfDirectory(atPath: store.folder.path).sorted()
        return "\(files) \(try Data(contentsOf: store.file).hashValue)"
    }

    func destroy(_ replica: any Replica) async {
        guard let replica = replica as? FlatFileReplica else { return }
        let store = stores.withLock { $0.removeValue(forKey: ObjectIdentifier(replica)) }
        if let store { try? FileManager.default.removeItem(at: store.folder) }
    }

    // MARK: The formats

    private func text(_ store: Store) -> String {
        let columns = store.table.columns.map(\.name)
        if isCSV {
            let lines =
                [columns.map(cell).joined(separator: delimiter)]
                + store.rows.map { row in
                    columns.map { cell(row[$0] ?? .null) }.joined(separator: delimiter)
                }
            return lines.joined(separator: "\r\n") + "\r\n"
        }
        let features = store.rows.map { row in feature(row, store.table) }
        switch form {
        case .lines: return features.map { $0 + "\n" }.joined()
        case .separators: return features.map { "\u{1e}" + $0 + "\n" }.joined()
        default:
            return "{\"type\":\"FeatureCollection\",\"name\":\"things\",\"features\":[\n"
                + features.joined(separator: ",\n") + "\n]}\n"
        }
    }

    private var delimiter: String { form == .semicolons ? ";" : "," }

    private func cell(_ text: String) -> String { "\"" + text.replacing("\"", with: "\"\"") + "\"" }

    private func cell(_ value: Value) -> String {
        switch value {
        case .null: ""
        case .text(let text): cell(text)
        case .geometry: value.words(limit: .max)
        default:
            "\(value.words(limit: .max))".contains(delimiter)
                ? cell(value.words(limit: .max)) : value.words(limit: .max)
        }
    }

    private func feature(_ row: [String: Value], _ table: TableDescription) -> String {
        var members = ["\"type\":\"Feature\""]
        if let id = row["id"], !id.isNull { members.append("\"id\":\(json(id))") }
        let properties = table.columns.filter { $0.name != "id" && $0.name != "geometry" }.map {
            "\(json(.text($0.name))):\(json(row[$0.name] ?? .null))"
        }
        members.append("\"properties\":{\(properties.joined(separator: ","))}")
        members.append("\"geometry\":\(json(row["geometry"] ?? .null))")
        return "{\(members.joined(separator: ","))}"
    }

    private func json(_ value: Value) -> String {
        switch value {
        case .null: "null"
        case .bool, .int, .double, .decimal: value.words(limit: .max)
        case .json(let text): text
        case .geometry(let geometry): "{\"type\":\"Point\",\"coordinates\":[\(Self.point(geometry))]}"
        case .text(let text): Self.string(text)
        default: Self.string(value.words(limit: .max))
        }
    }

    private static func string(_ text: String) -> String {
        guard let data = try? JSONEncoder().encode([text]) else { return "\"\"" }
        return String(String(decoding: data, as: UTF8.self).dropFirst().dropLast())
    }

    private static func point(_ geometry: Geometry) -> String {
        let text = Value.geometry(geometry).words(limit: .max)
        return String(text.dropFirst("POINT (".count).dropLast()).replacing(" ", with: ",")
    }

    /// Reads the rows as the replica left them. Through the replica itself: the tests of its reading are others.
    private func read(_ store: Store) throws -> [[String: Value]] {
        let data = try Data(contentsOf: store.file)
        return isCSV
            ? Self.csv(String(decoding: data, as: UTF8.self), store.table, delimiter)
            : try features(data, store)
    }

    private static func csv(_ text: String, _ table: TableDescription, _ delimiter: String) -> [[String:
        Value]]
    {
        var rows: [[String?]] = []
        var row: [String?] = []
        var cell = ""
        var wasQuoted = false
        var isQuoted = false
        var rest = Array(text.unicodeScalars)[...]
        func finished() -> String? { cell.isEmpty && !wasQuoted ? nil : cell }
        while let scalar = rest.popFirst() {
            if isQuoted {
                if scalar == "\"", rest.first == "\"" {
                    rest.removeFirst()
                    cell.unicodeScalars.append("\"")
                } else if scalar == "\"" {
                    isQuoted = false
                } else {
                    cell.unicodeScalars.append(scalar)
                }
                continue
            }
            switch scalar {
            case "\"": (isQuoted, wasQuoted) = (true, true)
            case "\r": break
            case "\n":
                rows.append(row + [finished()])
                (row, cell, wasQuoted) = ([], "", false)
            case _ where String(scalar) == delimiter:
                row.append(finished())
                (cell, wasQuoted) = ("", false)
            default: cell.unicodeScalars.append(scalar)
            }
        }
        return rows.dropFirst().map { cells in
            var values: [String: Value] = [:]
            for (column, cell) in zip(table.columns, cells) { values[column.name] = value(cell, column.type) }
            return values
        }
    }

    private static func value(_ text: String?, _ type: FieldType) -> Value {
        guard let text else { return .null }
        switch type {
        case .int: return Int64(text).map { .int($0) } ?? .text(text)
        case .double: return Double(text).map { .double($0) } ?? .text(text)
        case .bool: return .bool(text == "true")
        case .decimal: return ExactDecimal(text).map { .decimal($0) } ?? .text(text)
        case .date: return CalendarDate(iso: text).map { .date($0) } ?? .text(text)
        case .timestamp: return Timestamp.parse(text).map { .timestamp($0.timestamp) } ?? .text(text)
        case .geometry(let kind):
            let numbers = text.split(whereSeparator: { "( )".contains($0) }).compactMap { Double($0) }
            return numbers.count == 2 ? .geometry(point(numbers[0], numbers[1], kind.srid)) : .text(text)
        default: return .text(text)
        }
    }

    static func point(_ x: Double, _ y: Double, _ srid: Int32) -> Geometry {
        var wkb: [UInt8] = [1, 1, 0, 0, 0]
        for ordinate in [x, y] {
            withUnsafeBytes(of: ordinate.bitPattern.littleEndian) { wkb.append(contentsOf: $0) }
        }
        return Geometry(srid: srid, canonicalWKB: wkb)
    }

    private func features(_ data: Data, _ store: Store) throws -> [[String: Value]] {
        let parts: [Data]
        if form == .collection {
            parts = [data]
        } else {
            parts = data.split(separator: 0x0a).map { Data($0.drop { $0 == 0x1e }) }.filter { !$0.isEmpty }
        }
        return try parts.flatMap { part -> [[String: Value]] in
            let decoded = try JSONDecoder().decode(ScenarioTree.self, from: part)
            let features: [ScenarioTree] = form == .collection ? decoded["features"]?.list ?? [] : [decoded]
            return features.map { feature in
                var row: [String: Value] = [:]
                for column in store.table.columns {
                    let tree =
                        column.name == "id"
                        ? feature["id"]
                        : column.name == "geometry"
                            ? feature["geometry"] : feature["properties"]?[column.name]
                    row[column.name] = (tree ?? .null).value(column.type)
                }
                return row
            }
        }
    }
}

extension ScenarioTree {
    fileprivate subscript(_ name: String) -> ScenarioTree? {
        if case .object(let members) = self { members[name] } else { nil }
    }
    fileprivate var list: [ScenarioTree] { if case .list(let list) = self { list } else { [] } }
    fileprivate var double: Double? {
        switch self {
        case .int(let int): Double(int)
        case .double(let number): number
        default: nil
        }
    }

    fileprivate func value(_ type: FieldType) -> Value {
        switch (self, type) {
        case (.null, _): return .null
        case (.flag(let flag), _): return .bool(flag)
        case (.int(let int), .double): return .double(Double(int))
        case (.int(let int), .decimal): return .decimal(ExactDecimal(int))
        case (.int(let int), _): return .int(int)
        case (.double(let number), .decimal): return ExactDecimal("\(number)").map { .decimal($0) } ?? .null
        case (.double(let number), _): return .double(number)
        case (.text(let text), .date): return CalendarDate(iso: text).map { .date($0) } ?? .text(text)
        case (.text(let text), .timestamp):
            return Timestamp.parse(text).map { .timestamp($0.timestamp) } ?? .text(text)
        case (.text(let text), _): return .text(text)
        case (.object, .geometry(let kind)):
            let numbers = self["coordinates"]?.list.compactMap(\.double) ?? []
            return numbers.count == 2
                ? .geometry(FlatFileHarness.point(numbers[0], numbers[1], kind.srid)) : .null
        default: return .null
        }
    }
}
