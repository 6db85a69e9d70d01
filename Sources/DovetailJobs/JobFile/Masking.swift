/// Hides the secret parts of a source.
enum Masking {
    private static let secretWords = ["password", "passwd", "pwd", "passphrase", "token", "key", "secret"]

    /// The text with the password of an address and the values of secret query parameters as `***`.
    ///
    /// When it is unclear where a password ends, too much is hidden rather than too little.
    static func mask(_ text: String) -> String {
        if KeyValueSource.matches(text) { return KeyValueSource.mask(text) { isSecret($0) } }
        let masked = maskParameters(maskPassword(text))
        return text.lowercased().hasPrefix("program:") ? maskOptions(masked) : masked
    }

    private static func isSecret(_ name: String) -> Bool { secretWords.contains(where: name.contains) }

    /// `--token=secret --password secret` → `--token=*** --password ***`, up to the next option: what was quoted has spaces.
    private static func maskOptions(_ text: String) -> String {
        var hides = false
        return text.split(separator: " ", omittingEmptySubsequences: false).map { word in
            guard word.hasPrefix("-") else { return hides ? "***" : String(word) }
            hides = isSecret(word.prefix { $0 != "=" }.lowercased())
            guard hides, let equals = word.firstIndex(of: "=") else { return String(word) }
            return word[...equals] + "***"
        }.joined(separator: " ")
    }

    /// `//user:secret@host` → `//user:***@host`
    private static func maskPassword(_ text: String) -> String {
        guard let slashes = text.firstRange(of: "//") else { return text }
        let address = text[slashes.upperBound...]
        let end = address.firstIndex(of: "?") ?? address.endIndex
        guard let at = address[..<end].lastIndex(of: "@") ?? strayAt(in: address) else { return text }
        guard let colon = address[..<at].firstIndex(of: ":") else { return text }
        return text[...colon] + "***" + text[at...]
    }

    /// The last `@` when the password itself holds a `?`: what follows the first colon is then no port.
    private static func strayAt(in address: Substring) -> Substring.Index? {
        guard let at = address.lastIndex(of: "@"), let colon = address.firstIndex(of: ":"), colon < at else {
            return nil
        }
        let afterColon = address[address.index(after: colon)...].prefix { !"/?#@".contains($0) }
        return afterColon.allSatisfy(\.isNumber) && !afterColon.isEmpty ? nil : at
    }

    /// `?token=secret&x=1` → `?token=***&x=1`
    private static func maskParameters(_ text: String) -> String {
        guard let mark = text.firstIndex(of: "?") else { return text }
        var result = String(text[...mark])
        var rest = text[text.index(after: mark)...]
        while !rest.isEmpty {
            let part = rest.prefix { !"&;".contains($0) }
            result += maskParameter(part)
            rest = rest[part.endIndex...]
            if let separator = rest.popFirst() { result.append(separator) }
        }
        return result
    }

    private static func maskParameter(_ part: Substring) -> String {
        guard let equals = part.firstIndex(of: "=") else { return String(part) }
        let name = part[..<equals].lowercased()
        guard isSecret(name) else { return String(part) }
        return part[...equals] + "***"
    }
}
