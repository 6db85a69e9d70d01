import Dovetail

/// What to do with keys and columns of a file that are neither an identifier nor an attribute of its model.
public enum UnknownFields: Sendable {
    /// The file is not loaded: a misspelled name would else just be missing.
    case refuse
    /// They are passed over.
    case ignore
}

/// Makes models of what a file says by name.
struct ModelReader<Subject: Model> {
    let definition = Subject.definition

    /// A value that was found for a field, or words for what was found instead.
    enum Found {
        case value(Value)
        case other(String)
    }

    /// What can't be, without the place.
    struct Problem: Error {
        let words: String
    }

    /// - Throws: ``Problem`` for names that are no field, and for fields that are not there and have to be.
    func check(names: some Sequence<String>, _ unknown: UnknownFields) throws(Problem) {
        let names = Set(names)
        let fields = definition.fields
        let known = fields.map(\.name)
        if unknown == .refuse, let stray = names.subtracting(known).min() {
            throw Problem(
                words:
                    "“\(stray)” is no field of \(definition.name), which has \(known.joined(separator: ", "));"
                    + " ignore others with unknown: .ignore")
        }
        if let missing = fields.first(where: { !names.contains($0.name) && !$0.isOptional }) {
            throw Problem(words: "“\(missing.name)” is missing, and is not optional")
        }
    }

    /// A model with the values that were found for its fields, null for those that were not.
    /// - Throws: ``Problem`` for a value that is none of its field.
    func model(_ found: (ModelField<Subject>) -> Found?) throws(Problem) -> Subject {
        var model = Subject()
        for field in definition.fields {
            let value: Value
            switch found(field) {
            case nil: value = .null
            case .value(let given): value = given
            case .other(let words): throw wrong(field, words)
            }
            if field.set(&model, value) { continue }
            if value.isNull { throw wrong(field, "nothing") }
            // Of the right type, but an enum has no such case, or a number is too large.
            throw Problem(words: "\(field.name): “\(value.words(limit: 40))” is none of its values")
        }
        return model
    }

    private func wrong(_ field: ModelField<Subject>, _ words: String) -> Problem {
        Problem(words: "\(field.name): \(words) is no \(field.type.name)")
    }
}
