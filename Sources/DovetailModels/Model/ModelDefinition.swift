public import Dovetail

/// A plain struct as records of a dataset.
///
/// ```swift
/// struct Device: Model {
///     var site = ""
///     var name = ""
///     var role = ""
///     var lastSeen: Date?          // local: neither compared nor sent
///
///     static let definition = ModelDefinition<Self>(
///         "device", id: \.site, \.name, attributes: \.role, parent: .to(Site.self, \.site))
/// }
/// ```
///
/// A new record is made from `init()`, which a struct has when all of its properties have defaults, and its fields are set.
public protocol Model: Sendable {
    static var definition: ModelDefinition<Self> { get }
    init()
}

/// A property of a model, as `\.name`.
public typealias FieldPath<Subject, Content> = any WritableKeyPath<Subject, Content> & Sendable

/// What a model's records are called, are known by, and hold.
public struct ModelDefinition<Subject: Model>: Sendable {
    /// The name of the type in diffs and plans.
    public let name: String
    /// Identifiers first, in their order: a record is known by all of them together, never by a joined text.
    let fields: [ModelField<Subject>]
    let identifierCount: Int
    /// The record under which this one stands in a diff; a reference like the others otherwise.
    let parent: ModelReference<Subject>?
    let references: [ModelReference<Subject>]

    /// - Parameters:
    ///   - id: the identifiers.
    ///   - attributes: what is compared and sent beside them.
    ///   - parent: the reference by which a diff is shown as a tree.
    ///   - references: other records that this one needs: they are created before it and deleted after it.
    public init<each Identifier: FieldValue, each Attribute: FieldValue>(
        _ name: String,
        id: repeat FieldPath<Subject, each Identifier>,
        attributes: repeat FieldPath<Subject, each Attribute>,
        parent: ModelReference<Subject>? = nil,
        references: ModelReference<Subject>...
    ) {
        var fields: [ModelField<Subject>] = []
        repeat fields.append(ModelField(each id))
        identifierCount = fields.count
        repeat fields.append(ModelField(each attributes))
        self.name = name
        self.fields = fields
        self.parent = parent
        self.references = (parent.map { [$0] } ?? []) + references
    }

    /// The table of these records.
    var schema: TableSchema {
        TableSchema(
            name, fields: fields.map { Field($0.name, $0.type, options: $0.options) },
            identity: .match(fields.prefix(identifierCount).map(\.name)),
            references: references.map(\.reference))
    }

    /// The definition with another way to compare one of its attributes: within a tolerance, as an unordered list, in one
    /// form of Unicode.
    public func comparing<Content: FieldValue>(
        _ field: FieldPath<Subject, Content>, _ options: FieldOptions
    ) -> ModelDefinition {
        let name = ModelField(field).name
        return ModelDefinition(
            self, fields: fields.map { $0.name == name ? $0.with(options) : $0 })
    }

    private init(_ other: ModelDefinition, fields: [ModelField<Subject>]) {
        name = other.name
        self.fields = fields
        identifierCount = other.identifierCount
        parent = other.parent
        references = other.references
    }

    /// A model with the fields of a record; what is local stays.
    /// - Throws: ``PackingError``, or ``ModelError`` when a value is none of its field.
    func model(_ record: PackedRecord, from model: Subject) throws -> Subject {
        var model = model
        let values = try record.values()
        // By their places: a copy of a field counts a reference for each of its closures.
        for place in 0..<min(fields.count, values.count) where !fields[place].set(&model, values[place]) {
            throw ModelError("\(name).\(fields[place].name) can't be \(values[place].words)")
        }
        return model
    }
}

/// One field: closures made once. They read a stored property where it lies in the struct; by its key path that would take
/// five times as long.
struct ModelField<Subject>: Sendable {
    let name: String
    let type: FieldType
    private(set) var options = FieldOptions()
    /// Whether it can be nil.
    let isOptional: Bool
    let pack: FieldPacking
    let packKey: FieldPacking
    /// False when the value is none of this field.
    let set: @Sendable (inout Subject, Value) -> Bool

    init<Content: FieldValue>(_ path: FieldPath<Subject, Content>) {
        // `\Device.name`: the compiler has checked that there is such a property.
        name = "\(path)".split(separator: ".").dropFirst().joined(separator: ".")
        type = Content.fieldType
        isOptional = Content(Value.null) != nil
        if let offset = MemoryLayout<Subject>.offset(of: path) {
            pack = FieldPacking { Content.pack(at: $0.advanced(by: offset), into: &$1) }
            packKey = FieldPacking { Content.packKey(at: $0.advanced(by: offset), into: &$1) }
        } else {
            pack = FieldPacking {
                $0.assumingMemoryBound(to: Subject.self).pointee[keyPath: path].pack(into: &$1)
            }
            packKey = FieldPacking {
                $0.assumingMemoryBound(to: Subject.self).pointee[keyPath: path].packKey(into: &$1)
            }
        }
        set = { subject, value in
            guard let content = Content(value) else { return false }
            subject[keyPath: path] = content
            return true
        }
    }

    func with(_ options: FieldOptions) -> ModelField {
        var field = self
        field.options = options
        return field
    }
}

/// Writes fields of the model at an address. A struct, because closures in an array would each be called through another one.
struct FieldPacking: Sendable {
    typealias Write = @Sendable (UnsafeRawPointer, inout BatchBuilder) -> Void
    let write: Write

    init(_ write: @escaping Write) { self.write = write }

    /// Writes one field after the other. Closures that hold each other are called without counting references to each.
    init(_ all: some RandomAccessCollection<FieldPacking>) {
        switch all.count {
        case 0: write = { _, _ in }
        case 1: write = all[all.startIndex].write
        default:
            let middle = all.index(all.startIndex, offsetBy: all.count / 2)
            let (first, second) = (
                FieldPacking(Array(all[..<middle])).write, FieldPacking(Array(all[middle...])).write
            )
            write = {
                first($0, &$1)
                second($0, &$1)
            }
        }
    }
}

/// Fields that name a record of another type, or of the same.
public struct ModelReference<Subject>: Sendable {
    let fields: [String]
    /// The type's name and its identifiers. Asked for when they are needed: types may refer to each other in a circle.
    private let target: @Sendable () -> (name: String, identifiers: [String])

    var reference: Reference {
        let target = target()
        return Reference(fields: fields, table: target.name, targetFields: target.identifiers)
    }

    /// - Parameters:
    ///   - target: the type that is referred to.
    ///   - fields: what holds its identifiers, in their order.
    public static func to<Target: Model, each Content: FieldValue>(
        _ target: Target.Type, _ fields: repeat FieldPath<Subject, each Content>
    ) -> ModelReference {
        var names: [String] = []
        repeat names.append(ModelField(each fields).name)
        return ModelReference(
            fields: names,
            target: {
                let definition = Target.definition
                return (definition.name, definition.fields.prefix(definition.identifierCount).map(\.name))
            })
    }
}

/// A dataset or a model can't be used as it is. The message is for the programmer: what, where, what to do.
public struct ModelError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
