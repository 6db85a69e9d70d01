import Dovetail
import GRDBSQLite

/// The SQL functions that the triggers of a GeoPackage call: without them no write to a layer with a spatial
/// index goes through.
enum GeoPackageFunctions {
    static func register(on db: OpaquePointer) throws {
        try add("ST_IsEmpty", to: db) { context, blob in
            sqlite3_result_int(context, isEmpty(blob) ? 1 : 0)
        }
        try add("ST_MinX", to: db) { answer($0, envelope($1)?.minX) }
        try add("ST_MaxX", to: db) { answer($0, envelope($1)?.maxX) }
        try add("ST_MinY", to: db) { answer($0, envelope($1)?.minY) }
        try add("ST_MaxY", to: db) { answer($0, envelope($1)?.maxY) }
        try add("ST_SRID", to: db) { context, blob in
            if let (srid, _) = try? GeoPackageGeometry.decode(blob) {
                sqlite3_result_int(context, srid)
            } else {
                sqlite3_result_null(context)
            }
        }
        try add("ST_GeometryType", to: db) { context, blob in
            if let (_, wkb) = try? GeoPackageGeometry.decode(blob), let name = WKB.typeName(wkb) {
                sqlite3_result_text(context, name, -1, unsafeBitCast(-1, to: sqlite3_destructor_type.self))
            } else {
                sqlite3_result_null(context)
            }
        }
    }

    /// The bounds of a geometry blob: from its header when they stand there.
    static func envelope(_ blob: UnsafeRawBufferPointer) -> Envelope? {
        guard let (_, wkb) = try? GeoPackageGeometry.decode(blob) else { return nil }
        let flags = blob[3]
        guard flags & 0x0e != 0, flags & 0x10 == 0 else { return WKB.envelope(wkb) }
        func bound(_ index: Int) -> Double {
            let raw = blob.loadUnaligned(fromByteOffset: 8 + index * 8, as: UInt64.self)
            return Double(bitPattern: flags & 1 != 0 ? UInt64(littleEndian: raw) : UInt64(bigEndian: raw))
        }
        let found = Envelope(minX: bound(0), maxX: bound(1), minY: bound(2), maxY: bound(3))
        return found.minX.isNaN || found.minY.isNaN ? nil : found
    }

    private static func isEmpty(_ blob: UnsafeRawBufferPointer) -> Bool {
        guard let (_, wkb) = try? GeoPackageGeometry.decode(blob) else { return true }
        return blob[3] & 0x10 != 0 || WKB.isEmpty(wkb)
    }

    private static func answer(_ context: OpaquePointer?, _ number: Double?) {
        if let number { sqlite3_result_double(context, number) } else { sqlite3_result_null(context) }
    }

    private typealias Body = (OpaquePointer?, UnsafeRawBufferPointer) -> Void

    /// Adds a function of one blob. It answers null to null, and to all that is no GeoPackage geometry.
    private static func add(_ name: String, to db: OpaquePointer, _ body: @escaping Body) throws {
        let box = Unmanaged.passRetained(FunctionBody(body))
        let code = sqlite3_create_function_v2(
            db, name, 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, box.toOpaque(),
            { context, _, values in
                guard let pointer = sqlite3_user_data(context), let value = values?[0],
                    sqlite3_value_type(value) == SQLITE_BLOB
                else { return sqlite3_result_null(context) }
                let blob = SQLiteBytes.blob(value)
                guard (try? GeoPackageGeometry.decode(blob)) != nil else {
                    return sqlite3_result_null(context)
                }
                Unmanaged<FunctionBody>.fromOpaque(pointer).takeUnretainedValue().body(context, blob)
            }, nil, nil,
            { pointer in
                if let pointer { Unmanaged<FunctionBody>.fromOpaque(pointer).release() }
            })
        guard code == SQLITE_OK else { throw SQLiteFailure(db) }
    }
}

/// Carries a Swift closure through C.
private final class FunctionBody {
    let body: (OpaquePointer?, UnsafeRawBufferPointer) -> Void

    init(_ body: @escaping (OpaquePointer?, UnsafeRawBufferPointer) -> Void) { self.body = body }
}
