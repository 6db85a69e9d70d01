import Dovetail

/// What may not be done to some records. A write is done only when no rule speaks against it.
///
/// ```swift
/// try await inventory.sync(from: network, rules: [
///     .never(.delete),
///     .ignore(Device.self) { $0.name.hasPrefix("lab-") },
///     .protect(Site.self, in: inventory) { $0.isInUse },
/// ])
/// ```
///
/// Of several rules that fit, the one that shows least has the say: ignore, then never, then protect. What stands under a record
/// that is ignored, not created or not deleted shares its lot.
public struct Rule: Sendable {
    /// What plans call it.
    public let name: String
    let effect: Effect
    /// The actions it forbids; all of them for a rule that ignores.
    let actions: Set<DiffElement.Action>
    /// The type it is about; nil: every type.
    let type: String?
    /// The dataset that would be written to; nil: either.
    let dataset: String?
    let fits: @Sendable (any Model) -> Bool

    enum Effect: Int, Sendable { case ignore, never, protect }

    /// Records that are as if they were not there: neither compared nor shown.
    /// - Parameter fits: whether the rule is about a record, of either dataset; called with what the dataset holds, local
    ///   properties too. All of them unless told.
    public static func ignore<Subject: Model>(
        _ type: Subject.Type, where fits: (@Sendable (Subject) -> Bool)? = nil
    ) -> Rule {
        Rule(.ignore, [.create, .update, .delete], type, nil, fits)
    }

    /// Writes that are not done, of any type. What they would do is counted as skipped.
    /// - Parameter dataset: the one that would be written to; either unless told.
    public static func never(_ actions: DiffElement.Action..., in dataset: Dataset? = nil) -> Rule {
        Rule(
            name: "never " + words(actions), effect: .never, actions: Set(actions), type: nil,
            dataset: dataset?.name, fits: { _ in true })
    }

    /// Writes that are not done to records of a type.
    /// - Parameters:
    ///   - dataset: the one that would be written to; either unless told.
    ///   - fits: whether the rule is about a record: the one that would be created or deleted, or either one of an update.
    public static func never<Subject: Model>(
        _ actions: DiffElement.Action..., of type: Subject.Type, in dataset: Dataset? = nil,
        where fits: (@Sendable (Subject) -> Bool)? = nil
    ) -> Rule {
        Rule(.never, Set(actions), type, dataset, fits)
    }

    /// Records that are not written to: a diff shows what would be done, and it is not done.
    /// - Parameters: as for ``never(_:of:in:where:)``.
    public static func protect<Subject: Model>(
        _ type: Subject.Type, in dataset: Dataset? = nil, where fits: (@Sendable (Subject) -> Bool)? = nil
    ) -> Rule {
        Rule(.protect, [.create, .update, .delete], type, dataset, fits)
    }

    /// The same rule under a name of one's own, which plans and results then give as the reason.
    public func called(_ name: String) -> Rule {
        Rule(name: name, effect: effect, actions: actions, type: type, dataset: dataset, fits: fits)
    }

    private init<Subject: Model>(
        _ effect: Effect, _ actions: Set<DiffElement.Action>, _ type: Subject.Type, _ dataset: Dataset?,
        _ fits: (@Sendable (Subject) -> Bool)?
    ) {
        let verb =
            switch effect {
            case .ignore: "ignore"
            case .never: "never " + Self.words(actions)
            case .protect: "protect"
            }
        let some = fits == nil ? "" : "some "
        let place = dataset.map { " in \($0.name)" } ?? ""
        self.init(
            name: "\(verb) \(some)\(Subject.definition.name)\(place)", effect: effect, actions: actions,
            type: Subject.definition.name, dataset: dataset?.name,
            fits: { model in (model as? Subject).map { fits?($0) ?? true } ?? false })
    }

    private init(
        name: String, effect: Effect, actions: Set<DiffElement.Action>, type: String?, dataset: String?,
        fits: @escaping @Sendable (any Model) -> Bool
    ) {
        self.name = name
        self.effect = effect
        self.actions = actions
        self.type = type
        self.dataset = dataset
        self.fits = fits
    }

    private static func words(_ actions: some Sequence<DiffElement.Action>) -> String {
        actions.map(\.rawValue).sorted().joined(separator: " or ")
    }

    func keepReason() -> KeepReason {
        switch effect {
        case .ignore: .ignored(by: name)
        case .never: .forbidden(by: name)
        case .protect: .protected(by: name)
        }
    }
}
