/// Writes text as YAML scalars and comments.
enum YAMLText {
    private static let reserved: Set<String> = [
        "yes", "no", "on", "off", "true", "false", "null", "y", "n", "id", "content", "all", "default",
    ]

    /// A value: quoted when needed, with every `$` doubled so that it reads as itself.
    static func value(_ text: String) -> String {
        scalar(Substitution.escape(text))
    }

    /// A key, or a text in which `${NAME}` shall read the environment: quoted when needed.
    static func scalar(_ text: String) -> String {
        isPlain(text) ? text : quoted(text)
    }

    /// Lines that begin with `# `, each at most as long as the text's own lines.
    static func comment(_ text: String, indent: String) -> String {
        lines(of: text).map { line in
            line.isEmpty ? "\(indent)#\n" : "\(indent)# \(line)\n"
        }.joined()
    }

    /// The text on one line, for a comment behind a value.
    static func line(_ text: String) -> String {
        lines(of: text).joined(separator: " ")
    }

    /// Letters, digits and `_-./:@+` where they mean nothing to YAML, even inside brackets.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, first == "_" || first.properties.isAlphabetic else {
            return false
        }
        guard !reserved.contains(text.lowercased()) else { return false }
        let isBody = text.unicodeScalars.allSatisfy { scalar in
            scalar.properties.isAlphabetic || "0123456789_-./@+".unicodeScalars.contains(scalar)
        }
        return isBody || isAddress(text)
    }

    /// `gpkg:data/a.gpkg` is plain too: a colon that no space follows. `${NAME}` is not.
    private static func isAddress(_ text: String) -> Bool {
        guard text.contains(":"), text.last != ":" else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII
                && (scalar.properties.isAlphabetic || "0123456789_-./@+:=".unicodeScalars.contains(scalar))
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            default: isShown(scalar) ? result.unicodeScalars.append(scalar) : (result += escape(scalar))
            }
        }
        return result + "\""
    }

    private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
            scalar == "\u{200D}"
        default: true
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let hex = String(scalar.value, radix: 16, uppercase: true)
        let width = scalar.value > 0xFFFF ? 8 : 4
        return (width == 8 ? "\\U" : "\\u") + String(repeating: "0", count: width - hex.count) + hex
    }

    /// The lines of a text with nothing in them that could end a comment.
    private static func lines(of text: String) -> [String] {
        text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map { line in
            var shown = ""
            for scalar in line.unicodeScalars {
                shown.unicodeScalars.append(isShown(scalar) ? scalar : " ")
            }
            return shown
        }
    }
}
