/// Values by key, in the order in which they came. Adding, finding and removing one are O(1) on average.
struct OrderedTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private var slots: [(key: Key, value: Value)?] = []
    private var places: [Key: Int] = [:]

    var count: Int { places.count }
    var isEmpty: Bool { places.isEmpty }
    var keys: some Sequence<Key> { slots.lazy.compactMap { $0?.key } }
    var values: some Sequence<Value> { slots.lazy.compactMap { $0?.value } }

    subscript(key: Key) -> Value? { places[key].flatMap { slots[$0]?.value } }

    func contains(_ key: Key) -> Bool { places[key] != nil }

    /// Adds a value at the end.
    /// - Returns: whether there was none under this key; else nothing is changed.
    mutating func append(_ value: Value, for key: Key) -> Bool {
        guard places[key] == nil else { return false }
        places[key] = slots.count
        slots.append((key, value))
        return true
    }

    /// Changes a value where it is.
    mutating func change(_ key: Key, _ change: (inout Value) -> Void) {
        guard let place = places[key], var slot = slots[place] else { return }
        // Emptied meanwhile, so that what the value holds is not copied.
        slots[place] = nil
        change(&slot.value)
        slots[place] = slot
    }

    @discardableResult
    mutating func remove(_ key: Key) -> Value? {
        guard let place = places.removeValue(forKey: key) else { return nil }
        let value = slots[place]?.value
        slots[place] = nil
        if slots.count > 32, slots.count > 2 * places.count { compact() }
        return value
    }

    private mutating func compact() {
        slots = slots.filter { $0 != nil }
        for (place, slot) in slots.enumerated() {
            if let slot { places[slot.key] = place }
        }
    }
}
