/// `${NAME}` reads the environment, `$$` is a literal `$`; any other `$` stands for itself.
///
/// What a variable holds is not searched again, so a `$` in a password is safe.
enum Substitution {
    /// Why a text could not be filled in. It names the variable, never a value.
    struct Failure: Error, Equatable {
        let message: String
        let hint: String
    }

    /// The text with every `${NAME}` replaced by what the environment holds.
    static func fill(_ text: String, from environment: [String: String]) throws(Failure) -> String {
        guard text.contains("$") else { return text }
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            switch rest.first {
            case "$":
                result += "$"
                rest = rest.dropFirst()
            case "{":
                let name = try variable(in: rest)
                guard let value = environment[name] else {
                    throw Failure(
                        message: "the environment variable \(name) is not set",
                        hint: "set it, or write $$ for a literal $")
                }
                result += value
                rest = rest.dropFirst(name.count + 2)
            default:
                result += "$"
            }
        }
        return result + rest
    }

    /// A text that `fill` gives back as it was.
    static func escape(_ text: String) -> String {
        text.replacing("$", with: "$$")
    }

    private static func variable(in rest: Substring) throws(Failure) -> String {
        guard let end = rest.firstIndex(of: "}") else {
            throw Failure(message: "“${” is not closed", hint: "write ${NAME}, or $$ for a literal $")
        }
        let name = rest[rest.index(after: rest.startIndex)..<end]
        let isName =
            name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            && name.first?.isNumber == false
        guard isName else {
            throw Failure(
                message: "“${” is not followed by the name of an environment variable",
                hint: "write ${NAME} with letters, digits and _, or $$ for a literal $")
        }
        return String(name)
    }
}
