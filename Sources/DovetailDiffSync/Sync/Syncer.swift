/// Works off a diff: DiffSync's walk, without its recursion.
///
/// Complexity: O(elements, and children of what is deleted or moved).
struct Syncer {
    private(set) var destination: DiffSyncAdapter
    var result: DiffSyncResult
    private let elements: [DiffSyncElement]
    private let flags: DiffSyncFlags
    private let progress: DiffSyncProgressHandler?
    private let held: HeldDeletes
    private let places: Places

    private var open: [Step] = []
    private var states: [State]
    /// What became of objects of which an element wants something.
    private var settled: [DiffSyncIdentity: Settled] = [:]
    private var done = 0

    private enum Step {
        case visit(Int)
        /// What is below has been deleted, and now the object itself.
        case delete(Int)
    }

    private enum State {
        case waiting
        case visited
        case done
        case owed(String)
    }

    private static let failedBefore = "it failed in the first place where it stands"

    private enum Settled { case created, updated, moved, deleted, failed }

    init(
        _ diff: DiffSyncDiff, _ destination: DiffSyncAdapter, _ flags: DiffSyncFlags,
        _ progress: DiffSyncProgressHandler?
    ) {
        self.destination = destination
        self.flags = flags
        self.progress = progress
        elements = diff.elements
        result = DiffSyncResult(diff)
        held = HeldDeletes(diff.elements, in: destination, flags: flags)
        places = Places(diff.elements)
        states = Array(repeating: .waiting, count: diff.count)
    }

    mutating func run() async throws {
        open = result.diff.children(of: nil).reversed().map(Step.visit)
        do {
            while let step = open.popLast() {
                switch step {
                case .visit(let place): try await visit(place)
                case .delete(let place): try await delete(place)
                }
            }
        } catch {
            finish()
            throw DiffSyncStopped(error: error, result: result)
        }
        finish()
        if result.isChanged { try await destination.hooks.completion?(result) }
    }

    /// Says what is owed, and whether something is left that nothing lists.
    private mutating func finish() {
        for (element, state) in zip(elements, states) {
            guard let action = element.action else { continue }
            switch state {
            case .done: continue
            case .owed(let reason):
                result.owed.append(DiffSyncOwed(action: action, identity: element.identity, reason: reason))
            case .waiting, .visited:
                let reason = "not attempted: what it is below was not done, or the sync was stopped"
                result.owed.append(DiffSyncOwed(action: action, identity: element.identity, reason: reason))
            }
            if action == .delete, destination.isUnattached(element.identity) {
                result.deviations.insert(.deleteOwed)
            }
        }
    }

    // MARK: Steps

    private mutating func visit(_ place: Int) async throws {
        guard case .waiting = states[place] else { return }
        states[place] = .visited
        let element = elements[place]
        switch element.action {
        case nil:
            guard destination.get(element.identity) != nil else { return }
            if flags.contains(.logUnchangedRecords) { result.unchanged.append(element.identity) }
            goOn(below: place)
        case .create where flags.contains(.skipUnmatchedSource),
            .delete where flags.contains(.skipUnmatchedDestination):
            skip(place)
        case .create: try await create(place)
        case .update: try await update(place)
        case .delete: try await prepareDelete(place)
        }
    }

    /// A diff that was made with these flags has nothing to skip.
    private mutating func skip(_ place: Int) {
        result.deviations.insert(.flagsAtSync)
        for skipped in place..<elements[place].end where elements[skipped].action != nil {
            result.skipped.append(elements[skipped].identity)
        }
        markDone(place)
    }

    private mutating func create(_ place: Int) async throws {
        let element = elements[place]
        switch settled[element.identity] {
        case .failed?:
            result.deviations.insert(.handledOnce)
            return owe(place, Self.failedBefore)
        case .created?, .updated?, .moved?:
            result.deviations.insert(.handledOnce)
            try list(element.identity, below: element.parent)
            return finish(place)
        case .deleted?, nil: break
        }
        if let object = destination.get(element.identity) {
            guard let seen = element.elsewhere else {
                return try refuse(place, "it already exists")
            }
            return try await move(place, object, seen)
        }
        let attributes = element.sourceAttributes ?? [:]
        let object = try destination.make(element.type, element.identifiers, attributes)
        guard try await call(place, attributes, nil) else { return }
        try destination.insert(object)
        try list(object.identity, below: element.parent)
        settled[element.identity] = .created
        finish(place)
    }

    private mutating func update(_ place: Int) async throws {
        let element = elements[place]
        switch settled[element.identity] {
        case .failed?:
            result.deviations.insert(.handledOnce)
            return owe(place, Self.failedBefore)
        case .created?, .updated?, .moved?, .deleted?:
            result.deviations.insert(.handledOnce)
            return finish(place)
        case nil: break
        }
        guard let object = destination.get(element.identity) else {
            return try refuse(place, "it is not there")
        }
        let new = element.new ?? [:]
        if isChanged(object, from: element.destinationAttributes ?? [:], to: new) {
            refuseChanged(place)
            // Each entry is refused on its own.
            return push(below: place)
        }
        guard try await call(place, new, object) else { return }
        destination.setAttributes(new, of: element.identity)
        settled[element.identity] = .updated
        finish(place)
    }

    private mutating func prepareDelete(_ place: Int) async throws {
        let element = elements[place]
        switch settled[element.identity] {
        case .failed?:
            result.deviations.insert(.handledOnce)
            return owe(place, Self.failedBefore)
        case .deleted?:
            result.deviations.insert(.handledOnce)
            return finish(place)
        case .created?, .updated?, .moved?:
            result.deviations.insert(.handledOnce)
            return unlist(place)
        case nil: break
        }
        guard let object = destination.get(element.identity) else {
            return try refuse(place, "it is not there")
        }
        switch held.reasons[place] {
        case .changed(let reason)?: return refuseChanged(place, reason)
        case .keeps? where held.isCreated(element.identity):
            // It is moved when its turn comes, with what it keeps.
            result.deviations.insert(.moved)
            return owe(place, "it is to be moved")
        case .keeps(let reason)?:
            result.deviations.insert(.deleteHeldBack)
            owe(place, reason)
            return push(below: place)
        case .hidden?:
            result.deviations.insert(.deleteHeldBack)
            return owe(place, HeldDeletes.Reason.hidden.text)
        case nil: break
        }
        if places.isKept(element.identity) || places.isKeptBeside(object, element.parent) {
            result.deviations.insert(.handledOnce)
            return unlist(place)
        }
        if object.flags.contains(.naturalDeletionOrder), !object.flags.contains(.skipChildrenOnDelete) {
            open.append(.delete(place))
            return push(below: place)
        }
        try await delete(place)
    }

    private mutating func delete(_ place: Int) async throws {
        let element = elements[place]
        guard let object = destination.get(element.identity), try await call(place, [:], object) else {
            return
        }
        settled[element.identity] = .deleted
        if object.parents.contains(where: { $0 != element.parent }) { result.deviations.insert(.handledOnce) }
        for parent in object.parents { destination.removeChild(element.identity, from: parent) }
        guard !object.flags.contains(.skipChildrenOnDelete) else {
            destination.removeSubtree(element.identity)
            // What was below it may stand in another of its places.
            for gone in places.deletes[element.identity] ?? [] { markDone(gone) }
            return
        }
        destination.remove(element.identity)
        finish(place)
    }

    // MARK: Moves

    /// Lists an object that is elsewhere below another parent, and changes what differs.
    private mutating func move(_ place: Int, _ object: DiffSyncObject, _ seen: DiffSyncFields) async throws {
        let element = elements[place]
        let isKept = places.isKept(element.identity)
        result.deviations.insert(
            isKept ? .handledOnce : destination.isUnattached(element.identity) ? .unattached : .moved)
        // What was to be deleted elsewhere is what is moved.
        let deletes = isKept ? [] : (places.deletes[element.identity] ?? [])
        for delete in deletes { states[delete] = .done }
        if let ignored = destination.ignored(above: element.identity) {
            return fail(place, "\(ignored) is to be ignored, so that it can't be moved")
        }
        let new = DiffSyncElement.changed(from: object.attributes, to: element.sourceAttributes ?? [:])
        if isChanged(object, from: seen, to: new) {
            refuseChanged(place)
            return
        }
        if !new.isEmpty {
            guard try await call(place, new, object, as: .update) else { return }
            destination.setAttributes(new, of: element.identity)
        }
        let left = object.parents.filter {
            $0 != element.parent && !places.isKept(element.identity, below: $0)
        }
        for parent in left { destination.removeChild(element.identity, from: parent) }
        if element.parent.map({ !object.parents.contains($0) }) ?? true {
            result.moves.append(DiffSyncMove(identity: element.identity, from: left, to: element.parent))
        }
        try list(element.identity, below: element.parent)
        result.isChanged = true
        settled[element.identity] = .moved
        // What only the destination has below it comes after what the source has.
        for delete in deletes.reversed() { push(below: delete) }
        finish(place)
    }

    // MARK: Outcomes

    /// Calls the hook.
    /// - Returns: whether it is done.
    private mutating func call(
        _ place: Int, _ attributes: DiffSyncFields, _ object: DiffSyncObject?,
        as action: DiffSyncAction? = nil
    ) async throws -> Bool {
        let element = elements[place]
        guard let action = action ?? element.action else { return true }
        result.isChanged = true
        let call = DiffSyncCall(
            action: action, identity: element.identity, identifiers: element.identifiers,
            attributes: attributes,
            object: object)
        func operation(_ outcome: DiffSyncOperation.Outcome) -> DiffSyncOperation {
            DiffSyncOperation(
                action: action, identity: element.identity, attributes: attributes, outcome: outcome)
        }
        do {
            let answer = try await destination.hooks.answer(call)
            result.operations.append(operation(answer == .done ? .done : .refused))
            if answer == .done { return true }
            fail(place, "the hook refused")
        } catch {
            result.operations.append(operation(.failed(error)))
            fail(place, "\(error)")
            guard error is DiffSyncCRUDError, flags.contains(.continueOnFailure) else { throw error }
        }
        return false
    }

    /// The entry does not fit what the destination holds.
    private mutating func refuse(_ place: Int, _ reason: String) throws {
        guard let action = elements[place].action else { return }
        result.isChanged = true
        let message = "could not \(action.rawValue) \(elements[place].identity): \(reason). Make a new diff"
        fail(place, message)
        if !flags.contains(.continueOnFailure) { throw DiffSyncCRUDError(action, message) }
    }

    private mutating func refuseChanged(
        _ place: Int, _ reason: String = "it was changed since the diff was made"
    ) {
        result.deviations.insert(.changedSinceDiff)
        fail(place, reason)
    }

    /// Whether something that is to be overwritten is neither what the diff saw nor what it wants.
    private func isChanged(_ object: DiffSyncObject, from seen: DiffSyncFields, to new: DiffSyncFields)
        -> Bool
    {
        new.contains { field in
            let current = object.attributes[field.name]
            return current != seen[field.name] && current != field.value
        }
    }

    private mutating func fail(_ place: Int, _ reason: String) {
        settled[elements[place].identity] = .failed
        owe(place, reason)
    }

    private mutating func owe(_ place: Int, _ reason: String) { states[place] = .owed(reason) }

    private mutating func list(_ identity: DiffSyncIdentity, below parent: DiffSyncIdentity?) throws {
        guard let parent, let object = destination.get(identity), !object.parents.contains(parent),
            destination.get(parent) != nil
        else { return }
        try destination.addChild(identity, to: parent)
    }

    /// The object stays, and only this parent lists it no more.
    private mutating func unlist(_ place: Int) {
        let element = elements[place]
        if let parent = element.parent, !places.isKept(element.identity, below: parent) {
            destination.removeChild(element.identity, from: parent)
            result.isChanged = true
        }
        markDone(place)
    }

    private mutating func finish(_ place: Int) {
        states[place] = .done
        goOn(below: place)
    }

    private mutating func goOn(below place: Int) {
        done += 1
        progress?(DiffSyncProgress(stage: .sync, done: done, total: elements.count))
        push(below: place)
    }

    private mutating func push(below place: Int) {
        open += Array(result.diff.children(of: place)).reversed().map(Step.visit)
    }

    private mutating func markDone(_ place: Int) {
        for below in place..<elements[place].end { states[below] = .done }
    }
}
