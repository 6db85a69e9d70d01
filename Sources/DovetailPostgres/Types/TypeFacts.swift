import Dovetail

/// A type as `pg_type` has it.
struct TypeFacts: Sendable, Hashable {
    enum Kind: String, Sendable {
        case base = "b"
        case composite = "c"
        case domain = "d"
        case enumeration = "e"
        case multirange = "m"
        case pseudo = "p"
        case range = "r"
    }

    /// The number in the catalog; that of a built-in type is the same everywhere.
    var number: UInt32
    var schema: String
    var name: String
    var kind: Kind = .base
    /// The type of the elements of an array; nil for everything that is no array.
    var element: UInt32?
    /// What a domain is a domain of.
    var base: UInt32?
    /// The modifier that a domain puts on its base, -1 for none.
    var modifier: Int32 = -1
    /// A domain whose values are never null.
    var isNotNull = false
    /// The function that writes its binary form.
    var sender = ""
    /// The labels of an enumeration, in its own order.
    var labels: [String] = []

    /// Its name in SQL, whatever the search path is.
    var sql: String { "\(schema.quotedIdentifier).\(name.quotedIdentifier)" }
}

/// Numbers of built-in types.
enum BuiltIn {
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let char: UInt32 = 18
    static let name: UInt32 = 19
    static let int8: UInt32 = 20
    static let int2: UInt32 = 21
    static let int4: UInt32 = 23
    static let text: UInt32 = 25
    static let oid: UInt32 = 26
    static let xid: UInt32 = 28
    static let cid: UInt32 = 29
    static let json: UInt32 = 114
    static let cidr: UInt32 = 650
    static let float4: UInt32 = 700
    static let float8: UInt32 = 701
    static let money: UInt32 = 790
    static let inet: UInt32 = 869
    static let bpchar: UInt32 = 1042
    static let varchar: UInt32 = 1043
    static let date: UInt32 = 1082
    static let time: UInt32 = 1083
    static let timestamp: UInt32 = 1114
    static let timestamptz: UInt32 = 1184
    static let interval: UInt32 = 1186
    static let timetz: UInt32 = 1266
    static let numeric: UInt32 = 1700
    static let uuid: UInt32 = 2950
    static let jsonb: UInt32 = 3802
}

extension String {
    /// In double quotes, as SQL has names.
    var quotedIdentifier: String {
        "\"" + replacing("\"", with: "\"\"") + "\""
    }
}
