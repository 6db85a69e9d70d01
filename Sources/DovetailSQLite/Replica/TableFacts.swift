import Dovetail
import DovetailEngine

/// What SQLite knows about one table: read from the file anew for every look, never cached across them.
struct TableFacts: Sendable {
    enum Form: Sendable { case table, view, virtual }

    var name: String
    var form: Form
    var isStrict: Bool
    var hasNoRowid: Bool
    var columns: [ColumnFacts]
    var indexes: [IndexFacts]
    var foreignKeys: [TableDescription.ForeignKey]
    /// The column that is the row id under another name.
    var idColumn: String?
    var usesUTF8: Bool

    /// What reads and sets the row id in SQL, nil when there is none.
    var rowid: String? {
        if let idColumn { return idColumn.quoted }
        guard form == .table, !hasNoRowid else { return nil }
        return ["rowid", "_rowid_", "oid"].first { name in !columns.contains { $0.name.lowercased() == name }
        }
    }

    var primaryKey: [String] {
        columns.filter { $0.keyPosition > 0 }.sorted { $0.keyPosition < $1.keyPosition }.map(\.name)
    }

    var readOnlyReason: String? {
        switch form {
        case .table: nil
        case .view: "it is a view; write to the tables it is made of"
        case .virtual: "it is a virtual table, kept by an SQLite extension"
        }
    }

    /// SQLite's names are equal whatever their case.
    func column(_ name: String) -> ColumnFacts? {
        columns.first { $0.name == name } ?? columns.first { $0.name.lowercased() == name.lowercased() }
    }

    var description: TableDescription {
        TableDescription(
            name: name, columns: columns.map(\.description), primaryKey: primaryKey, idColumn: idColumn,
            foreignKeys: foreignKeys,
            uniqueKeys: indexes.filter { $0.isUnique && !$0.isPartial && !$0.isPrimaryKey }
                .compactMap(\.plainColumns),
            readOnlyReason: readOnlyReason)
    }
}

/// One column.
struct ColumnFacts: Sendable {
    var name: String
    var declared: String
    var type: FieldType
    var affinity: Affinity
    var isNotNull: Bool
    var hasDefault: Bool
    var isGenerated: Bool
    /// Position in the primary key from 1, 0 when it isn't in it.
    var keyPosition: Int
    var layer: GeometryLayer?

    var description: ColumnDescription {
        ColumnDescription(
            name: name, type: type, declaredType: declared, isNullable: !isNotNull, isGenerated: isGenerated)
    }
}

/// One index.
struct IndexFacts: Sendable {
    var name: String
    var isUnique: Bool
    var isPartial: Bool
    var isPrimaryKey: Bool
    /// The indexed columns; nil stands for an expression.
    var columns: [String?]

    /// The columns when there is no expression among them.
    var plainColumns: [String]? {
        let plain = columns.compactMap { $0 }
        return plain.count == columns.count ? plain : nil
    }
}

/// What a GeoPackage says about the geometries of a column.
struct GeometryLayer: Sendable, Hashable {
    /// `srs_id`, as it stands in the file.
    var srs: Int32
    /// The reference system as the world knows it: an EPSG code, 0 when undefined.
    var srid: Int32
    var typeName: String
    /// 0 prohibited, 1 mandatory, 2 optional.
    var z: Int
    var m: Int

    var kind: GeometryKind { GeometryKind(type: typeName, srid: srid, hasZ: z != 0, hasM: m != 0) }
}
