/// The models of an adapter: what identifies objects, what is compared, and what stands below what.
///
/// ```swift
/// let schema = try DiffSyncSchema(
///     topLevel: ["site"],
///     models: [
///         .init("site", identifiers: ["name"], attributes: ["region"], children: [.init("device", as: "devices")]),
///         .init("device", identifiers: ["name"], attributes: ["role"]),
///     ])
/// ```
public struct DiffSyncSchema: Sendable, Hashable {
    /// Types whose objects need no parent, in the order in which they are compared.
    public let topLevel: [String]
    /// In the order in which they were given.
    public let models: [Model]
    private let places: [String: Int]
    private let belowOthers: Set<String>

    /// Whether objects of a type are reached through others only. Types that nothing reaches are nobody's business.
    func needsParent(_ type: String) -> Bool { belowOthers.contains(type) }

    /// A model that is known by its name. Complexity: O(1).
    public subscript(type: String) -> Model? { places[type].map { models[$0] } }

    public struct Model: Sendable, Hashable {
        public let type: String
        public let identifiers: [String]
        /// What the object is called in a diff; empty: as its identifiers.
        public let shortname: [String]
        public let attributes: [String]
        /// In the order in which they are compared.
        public let children: [Children]
        /// The flags that each object of the type has from the start.
        public let flags: DiffSyncModelFlags

        public init(
            _ type: String, identifiers: [String], shortname: [String] = [], attributes: [String] = [],
            children: [Children] = [], flags: DiffSyncModelFlags = []
        ) {
            self.type = type
            self.identifiers = identifiers
            self.shortname = shortname
            self.attributes = attributes
            self.children = children
            self.flags = flags
        }

        /// The field that holds children of a type, if it has one.
        func field(of child: String) -> String? { children.first { $0.type == child }?.field }
    }

    /// Children of one type, and the field that lists them.
    public struct Children: Sendable, Hashable {
        public let type: String
        public let field: String

        public init(_ type: String, as field: String) {
            self.type = type
            self.field = field
        }
    }

    /// - Throws: ``DiffSyncError`` when a type comes twice, a top-level type has no model, or a field has two roles.
    public init(topLevel: [String], models: [Model]) throws(DiffSyncError) {
        var places: [String: Int] = [:]
        for (place, model) in models.enumerated() {
            guard places.updateValue(place, forKey: model.type) == nil else {
                throw .malformed("the model “\(model.type)” comes twice: name each once")
            }
            let names = model.identifiers + model.attributes + model.children.map(\.field)
            guard Set(names).count == names.count else {
                throw .malformed(
                    "a field of “\(model.type)” comes twice: it is an identifier, an attribute or a list of children"
                )
            }
            guard !model.identifiers.isEmpty else {
                throw .malformed("the model “\(model.type)” has no identifiers: name at least one")
            }
            if let unknown = model.shortname.first(where: { !names.contains($0) }) {
                throw .malformed(
                    "the short name of “\(model.type)” has “\(unknown)”, which is none of its fields")
            }
        }
        for type in topLevel where places[type] == nil {
            throw .malformed("the top level has “\(type)”, of which there is no model")
        }
        self.topLevel = topLevel
        self.models = models
        self.places = places
        belowOthers = Set(models.flatMap { $0.children.map(\.type) }).subtracting(topLevel)
    }

    /// Reads `{"top_level": […], "models": {type: {identifiers, shortname, attributes, children: {type: field}}},
    /// "class_flags": {type: […]}}`. The order of its objects counts, which is why this is not `Codable`.
    /// - Throws: ``DiffSyncError`` when it is not of this form.
    public init(json: DiffSyncValue) throws(DiffSyncError) {
        guard let models = json["models"]?.fields, let top = json["top_level"].flatMap(Self.texts) else {
            throw .malformed("a schema is an object with “top_level” and “models”")
        }
        var read: [Model] = []
        for (type, model) in models.map({ ($0.name, $0.value) }) {
            guard let identifiers = model["identifiers"].flatMap(Self.texts) else {
                throw .malformed("the model “\(type)” has no list of “identifiers”")
            }
            var children: [Children] = []
            for child in model["children"]?.fields ?? [:] {
                guard let field = child.value.text else {
                    throw .malformed("the children of “\(type)” are an object of types and fields")
                }
                children.append(Children(child.name, as: field))
            }
            read.append(
                Model(
                    type, identifiers: identifiers, shortname: model["shortname"].flatMap(Self.texts) ?? [],
                    attributes: model["attributes"].flatMap(Self.texts) ?? [], children: children,
                    flags: try DiffSyncModelFlags(json: json["class_flags"]?[type])))
        }
        try self.init(topLevel: top, models: read)
    }

    private static func texts(_ value: DiffSyncValue) -> [String]? {
        guard let list = value.list else { return nil }
        let texts = list.compactMap(\.text)
        return texts.count == list.count ? texts : nil
    }
}

extension DiffSyncModelFlags {
    /// Reads a list of DiffSync's names; nil is none.
    init(json: DiffSyncValue?) throws(DiffSyncError) {
        self = []
        for name in json?.list ?? [] {
            guard let flag = Self.names.first(where: { .text($0.name) == name })?.flag else {
                throw .malformed("there is no model flag \(name.json)")
            }
            insert(flag)
        }
    }
}
