import Dovetail
import DovetailEngine
import DovetailMemory
import Foundation
import Testing

@testable import DovetailPages

/// Two sides in memory that have met once, and pages about what changes after that.
struct World: Sendable {
    static let schema = TableSchema(
        "places",
        fields: [
            Field("id", .int), Field("name", .text), Field("note", .text), Field("size", .int),
            Field("geom", .geometry(GeometryKind(type: "GEOMETRY", srid: 4326))),
        ], identity: .match(["id"]))

    let left: MemoryReplica
    let right: MemoryReplica
    let state = MemoryStateStore()
    var job: SyncJob

    init(
        labels: Sides<String> = Sides(left: "office", right: "field"), limits: Limits = Limits(),
        retention: HistoryRetention = HistoryRetention()
    ) {
        left = MemoryReplica(name: "the office", tables: [MemoryTable(Self.schema)])
        right = MemoryReplica(name: "the field", tables: [MemoryTable(Self.schema)])
        job = SyncJob(
            name: "places", labels: labels, replicas: Sides(left: left, right: right),
            tables: [JobTable(Self.schema)], limits: limits, retention: retention)
    }

    var synchronizer: Synchronizer {
        Synchronizer(
            job: job, state: state,
            owner: LockOwner(process: 7, host: "here", user: "test", command: "sync", since: 0), clock: { 0 })
    }

    /// Places 1…count on both sides, a point each.
    static func agreed(
        _ count: Int, labels: Sides<String> = Sides(left: "office", right: "field"),
        limits: Limits = Limits(),
        retention: HistoryRetention = HistoryRetention()
    ) async throws -> World {
        let world = World(labels: labels, limits: limits, retention: retention)
        await world.insert(1...count, .left)
        _ = try await world.synchronizer.sync()
        return world
    }

    subscript(side: Side) -> MemoryReplica { side == .left ? left : right }

    /// A place in Denmark, more or less.
    static func point(_ id: Int) -> Value {
        .geometry(Shape.point(8 + Double(id * 37 % 4_000) / 1_000, 54.6 + Double(id * 91 % 3_000) / 1_000))
    }

    func insert(_ ids: some Sequence<Int> & Sendable, _ side: Side, name: String = "place") async {
        _ = await self[side].edit("places") { table in
            for id in ids {
                table.insert([
                    "id": .int(Int64(id)), "name": .text("\(name) \(id)"), "note": .null, "size": .int(1),
                    "geom": Self.point(id),
                ])
            }
        }
    }

    func update(
        _ ids: some Sequence<Int>, _ side: Side, _ change: @escaping @Sendable (inout MemoryRow) -> Void
    ) async {
        let keys = Set(ids.map { Value.int(Int64($0)) })
        _ = await self[side].edit("places") { table in
            for (id, row) in table.rows where keys.contains(row["id"] ?? .null) { table.update(id, change) }
        }
    }

    func delete(_ ids: some Sequence<Int>, _ side: Side) async {
        let keys = Set(ids.map { Value.int(Int64($0)) })
        _ = await self[side].edit("places") { table in
            for (id, row) in table.rows where keys.contains(row["id"] ?? .null) { table.delete(id) }
        }
    }

    // MARK: Pages

    func page(limits: PageLimits = PageLimits()) async throws -> Page {
        let plan = try await synchronizer.plan()
        var writer = PlanPage(plan, direction: .both, made: 1_780_000_000_000_000).writer
        writer.limits = limits
        return Page(text: try await writer.text(PlanSource(plan: plan)))
    }

    func runPage(_ number: Int64) async throws -> Page {
        guard let run = await state.runs(limit: .max).first(where: { $0.number == number }) else {
            throw PageFileError(.place, "no run \(number)")
        }
        let page = RunPage(
            run, of: job.name, labels: job.labels, direction: .both, tables: ["places"],
            retention: job.retention,
            state: state)
        return Page(text: try await page.writer.text(page.source))
    }

    /// A bit of everything: 3 inserts, moved and renamed places, deletes, a conflict.
    static func mixed() async throws -> World {
        let world = try await World.agreed(60)
        await world.insert(101...103, .left)
        await world.update([5, 6], .right) { $0["geom"] = .geometry(Shape.point(9.5, 56.1)) }
        await world.update([7], .left) {
            $0["name"] = .text("The harbour by the old mill, rebuilt")
            $0["note"] = .text("a note")
        }
        await world.delete([8, 9], .right)
        await world.update([10], .left) { $0["name"] = .text("Billund International Airport") }
        await world.update([10], .right) { $0["name"] = .text("Billund Lufthavn") }
        return world
    }

    /// What people, and those who mean harm, write into fields.
    static let hostile = [
        "</script><script>window.hacked = 1</script>", "\"><img src=x onerror='window.hacked = 2'>",
        "<!--<script>",
        "a\u{0}b\r\nline two\ttab", "\u{202E}desrever\u{202C} שלום مرحبا", "👩‍👩‍👧‍👦 🇩🇰 e\u{301}",
        "${window.hacked = 3}`\\u003cscript>", "]]>&lt;&amp;&#60;", String(repeating: "x", count: 200_000),
        "\u{2028}\u{2029}\u{FEFF}\u{200B}", "javascript:alert(1)",
    ]
}

/// Geometries to draw.
enum Shape {
    static func point(_ x: Double, _ y: Double, srid: Int32 = 4326) -> Geometry {
        geometry(1, srid: srid) { $0.ordinates([(x, y)]) }
    }

    static func line(_ points: [(Double, Double)], srid: Int32 = 4326) -> Geometry {
        geometry(2, srid: srid) {
            $0.count(points.count)
            $0.ordinates(points)
        }
    }

    static func polygon(_ rings: [[(Double, Double)]], srid: Int32 = 4326) -> Geometry {
        geometry(3, srid: srid) { wkb in
            wkb.count(rings.count)
            for ring in rings {
                wkb.count(ring.count)
                wkb.ordinates(ring)
            }
        }
    }

    static func circle(_ x: Double, _ y: Double, _ radius: Double, points: Int, srid: Int32 = 4326)
        -> Geometry
    {
        polygon(
            [
                (0...points).map {
                    let angle = Double($0 % points) / Double(points) * 2 * .pi
                    return (x + radius * cos(angle), y + radius * sin(angle))
                }
            ], srid: srid)
    }

    /// Well-known binary of any type.
    static func geometry(_ type: UInt32, srid: Int32 = 4326, _ fill: (inout WKBBytes) -> Void) -> Geometry {
        var wkb = WKBBytes(type)
        fill(&wkb)
        return Geometry(srid: srid, canonicalWKB: wkb.bytes)
    }
}

/// Writes well-known binary.
struct WKBBytes {
    private(set) var bytes: [UInt8] = []

    init(_ type: UInt32) {
        bytes.append(1)
        count(Int(type))
    }

    mutating func count(_ count: Int) {
        withUnsafeBytes(of: UInt32(count).littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func ordinates(_ points: [(Double, Double)], more: [Double] = []) {
        for (x, y) in points {
            for ordinate in [x, y] + more {
                withUnsafeBytes(of: ordinate.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
            }
        }
    }

    mutating func part(_ type: UInt32, _ fill: (inout WKBBytes) -> Void) {
        var part = WKBBytes(type)
        fill(&part)
        bytes += part.bytes
    }
}

/// A page as text. Expectations that fail don't print it.
struct Page: Sendable, CustomTestStringConvertible {
    var text: String
    var testDescription: String { "a page of \(text.utf8.count) bytes" }

    func contains(_ part: String) -> Bool { text.contains(part) }
}
