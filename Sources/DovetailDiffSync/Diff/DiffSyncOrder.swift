/// In which order elements are shown and worked off: DiffSync's subclasses of `Diff` with their `order_children_…`.
///
/// It is asked once for the elements below each element. What it leaves out comes after the rest.
public struct DiffSyncOrder: Sendable {
    /// A diff that is given to a sync must be in the order that is asked for there, if one is.
    public let name: String
    let order: @Sendable ([DiffSyncElement]) -> [DiffSyncElement]

    /// - Parameter order: what stands below one element, by types, in some order.
    public init(_ name: String, order: @escaping @Sendable ([DiffSyncElement]) -> [DiffSyncElement]) {
        self.name = name
        self.order = order
    }

    /// As the source has them, then what only the destination has.
    public static let `default` = DiffSyncOrder("default") { $0 }

    /// Each type by the names of its elements.
    public static let alphabetical = DiffSyncOrder("alphabetical", each: byName)

    /// Types stay in their order; of each, elements come in an order.
    /// - Parameters:
    ///   - each: the order of the types that have no other: DiffSync's `order_children_default`.
    ///   - types: the order of some types: DiffSync's `order_children_<type>`.
    public init(
        _ name: String, each: @escaping @Sendable ([DiffSyncElement]) -> [DiffSyncElement] = { $0 },
        types: [String: @Sendable ([DiffSyncElement]) -> [DiffSyncElement]] = [:]
    ) {
        self.init(name) { elements in
            var groups = OrderedTable<String, [DiffSyncElement]>()
            for element in elements where !groups.append([element], for: element.type) {
                groups.change(element.type) { $0.append(element) }
            }
            return groups.values.flatMap { group in
                (group.first.flatMap { types[$0.type] } ?? each)(group)
            }
        }
    }

    /// Elements by their names, code point by code point.
    @Sendable public static func byName(_ elements: [DiffSyncElement]) -> [DiffSyncElement] {
        elements.sorted { $0.name.unicodeScalars.lexicographicallyPrecedes($1.name.unicodeScalars) }
    }
}
