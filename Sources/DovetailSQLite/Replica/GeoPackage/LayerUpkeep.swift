import Dovetail
import GRDB

/// What a GeoPackage says about a layer beside its rows, kept right after a batch of writes: the extent, the
/// time of the last change, and the count of features.
struct LayerUpkeep {
    private let plan: ViewPlan
    private let fields: [Int]
    private let geometryColumns: [String]
    private let oldExtent: Envelope?
    /// Whether GDAL's count is kept, and no trigger keeps it.
    private let countsByHand: Bool
    private var added: Envelope?
    private var mustMeasure = false
    private var isTouched = false
    private var balance = 0

    /// Nil for tables that no GeoPackage registers.
    init?(_ plan: ViewPlan, _ db: Database) throws {
        guard plan.place.kind == .geoPackage,
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT min_x, max_x, min_y, max_y FROM gpkg_contents
                    WHERE lower(table_name) = lower(?)
                    """,
                arguments: [plan.facts.name])
        else { return nil }
        self.plan = plan
        fields = plan.columns.indices.filter { plan.columns[$0].layer != nil }
        geometryColumns = plan.facts.columns.filter { $0.layer != nil }.map(\.name)
        if let minX: Double = row["min_x"], let maxX: Double = row["max_x"], let minY: Double = row["min_y"],
            let maxY: Double = row["max_y"]
        {
            oldExtent = Envelope(minX: minX, maxX: maxX, minY: minY, maxY: maxY)
        } else {
            oldExtent = nil
        }
        countsByHand = try Self.countsByHand(plan.facts.name, db)
    }

    /// Notes a write that went through.
    mutating func note(from old: PackedRecord?, to write: Write) {
        isTouched = true
        switch write {
        case .insert: if old == nil { balance += 1 }
        case .delete: balance -= 1
        case .update: break
        }
        for field in fields {
            if case .update(_, let changed) = write, !changed.contains(field) { continue }
            let new = envelope(write.result, field)
            if let gone = envelope(old, field), gone != new, touchesEdge(gone) { mustMeasure = true }
            if let new { added = added?.union(new) ?? new }
        }
    }

    /// Writes what has changed about the layer.
    func finish(_ db: Database) throws {
        guard isTouched else { return }
        let name = plan.facts.name
        try db.execute(
            sql: """
                UPDATE gpkg_contents SET last_change = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
                WHERE lower(table_name) = lower(?)
                """,
            arguments: [name])
        if countsByHand, balance != 0 {
            try db.execute(
                sql: """
                    UPDATE gpkg_ogr_contents SET feature_count = feature_count + ?
                    WHERE lower(table_name) = lower(?)
                    """,
                arguments: [balance, name])
        }
        guard !geometryColumns.isEmpty, mustMeasure || added != nil else { return }
        let extent: Envelope?
        if let oldExtent, !mustMeasure {
            extent = added.map { oldExtent.union($0) } ?? oldExtent
        } else {
            extent = try measure(db)
        }
        guard extent != oldExtent else { return }
        try db.execute(
            sql: """
                UPDATE gpkg_contents SET min_x = ?, max_x = ?, min_y = ?, max_y = ?
                WHERE lower(table_name) = lower(?)
                """,
            arguments: [extent?.minX, extent?.maxX, extent?.minY, extent?.maxY, name])
    }

    private func measure(_ db: Database) throws -> Envelope? {
        var extent: Envelope?
        for column in geometryColumns.map(\.quoted) {
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT min(ST_MinX(\(column))), max(ST_MaxX(\(column))),
                        min(ST_MinY(\(column))), max(ST_MaxY(\(column)))
                    FROM \(plan.table)
                    """)
            guard let row, let minX: Double = row[0], let maxX: Double = row[1], let minY: Double = row[2],
                let maxY: Double = row[3]
            else { continue }
            let found = Envelope(minX: minX, maxX: maxX, minY: minY, maxY: maxY)
            extent = extent?.union(found) ?? found
        }
        return extent
    }

    private func envelope(_ record: PackedRecord?, _ field: Int) -> Envelope? {
        guard case .geometry(let geometry)? = try? record?.value(at: field) else { return nil }
        return geometry.wkb.withUnsafeBytes { WKB.envelope($0) }
    }

    private func touchesEdge(_ envelope: Envelope) -> Bool {
        guard let extent = oldExtent?.union(added ?? envelope) ?? added else { return true }
        return envelope.minX <= extent.minX || envelope.maxX >= extent.maxX || envelope.minY <= extent.minY
            || envelope.maxY >= extent.maxY
    }

    private static func countsByHand(_ table: String, _ db: Database) throws -> Bool {
        guard try db.tableExists("gpkg_ogr_contents") else { return false }
        let triggers = try Int.fetchOne(
            db,
            sql: """
                SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?)
                AND sql LIKE '%gpkg_ogr_contents%'
                """,
            arguments: [table])
        return triggers == 0
    }
}

extension Envelope {
    /// The smallest rectangle around both.
    func union(_ other: Envelope) -> Envelope {
        Envelope(
            minX: min(minX, other.minX), maxX: max(maxX, other.maxX), minY: min(minY, other.minY),
            maxY: max(maxY, other.maxY))
    }
}
