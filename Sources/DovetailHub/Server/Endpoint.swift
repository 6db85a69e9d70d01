import DovetailDocuments
import HTTPTypes

/// What a request asks for, out of its method and target.
enum Endpoint: Sendable, Hashable {
    case page(PageFile)
    case set(String, Operation)

    /// What is asked of a set.
    enum Operation: Sendable, Hashable {
        case documents
        case push
        case commits(DocumentName, after: LogPosition, limit: Int)
        case text(DocumentName, at: Int64?)
        case log(DocumentName, before: Int64?, limit: Int)
        case changes(after: Int64, epoch: UInt64, seconds: Int)
        case events(after: Int64, epoch: UInt64)
        case conflicts
        case report
        case resolve(String)
        case settle(String)
        case comparison(DocumentName, at: Int64)
        case restore(DocumentName, at: Int64, head: LogPosition, key: CommitKey)
    }

    /// Bytes of a target at most: a name may take three for each of its own.
    private static let longest = 3 * (DocumentName.longest + DocumentName.longestPart) + 512
    /// Commits at most that are given at once.
    private static let most = 1_000
    /// How long a poll may wait, in seconds: shorter than proxies do.
    private static let longestWait = 60

    /// - Throws: ``RequestError``.
    init(_ method: HTTPRequest.Method, _ target: String) throws {
        guard target.utf8.count <= Self.longest else {
            throw RequestError(.uriTooLong, .invalid, "the address is longer than any of a hub")
        }
        let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = halves[0]
        if let file = PageFile(path: String(path)) {
            guard method == .get else { throw RequestError.method("GET") }
            self = .page(file)
            return
        }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard parts.first == "v1", parts.count >= 2, let set = PercentCoding.decoded(parts[2]),
            SetName.isValid(set)
        else { throw RequestError.nothingHere }
        let query = try Query(halves.count > 1 ? halves[1] : "")
        self = .set(set, try Self.operation(method, Array(parts.dropFirst(2)), query))
    }

    private static func operation(_ method: HTTPRequest.Method, _ path: [Substring], _ query: Query) throws
        -> Operation
    {
        func only<Value>(_ allowed: HTTPRequest.Method, _ value: @autoclosure () throws -> Value) throws
            -> Value
        {
            guard method == allowed else { throw RequestError.method(allowed.rawValue) }
            return try value()
        }
        switch (path.first, path.count) {
        case (nil, _):
            switch method {
            case .get: return .documents
            case .post: return .push
            default: throw RequestError.method("GET, POST")
            }
        case ("commits", 1):
            return try only(
                .get,
                .commits(
                    try query.document(), after: try query.position("after"), limit: try query.limit(most)))
        case ("text", 1):
            return try only(.get, .text(try query.document(), at: try query.number("at")))
        case ("log", 1):
            return try only(
                .get,
                .log(try query.document(), before: try query.number("before"), limit: try query.limit(most)))
        case ("changes", 1):
            return try only(
                .get,
                .changes(
                    after: try query.needed("after", query.number("after")), epoch: try query.epoch(),
                    seconds: min(Int(clamping: try query.number("wait") ?? 0), longestWait)))
        case ("events", 1):
            return try only(
                .get,
                .events(
                    after: try query.needed("after", query.number("after")), epoch: try query.epoch()))
        case ("conflicts", 1):
            switch method {
            case .get: return .conflicts
            case .post: return .report
            default: throw RequestError.method("GET, POST")
            }
        case ("conflicts", 2):
            guard let id = PercentCoding.decoded(path[1]), !id.isEmpty, id.utf8.count <= 255 else {
                throw RequestError.nothingHere
            }
            switch method {
            case .post: return .resolve(id)
            case .delete: return .settle(id)
            default: throw RequestError.method("POST, DELETE")
            }
        case ("diff", 1):
            return try only(
                .get, .comparison(try query.document(), at: try query.needed("at", query.number("at"))))
        case ("restore", 1):
            return try only(
                .post,
                .restore(
                    try query.document(), at: try query.needed("at", query.number("at")),
                    head: try query.position("head"), key: try query.key()))
        default: throw RequestError.nothingHere
        }
    }
}

/// The fields after the question mark.
private struct Query {
    private var fields: [Substring: String] = [:]

    init(_ text: Substring) throws {
        for field in text.split(separator: "&") {
            let halves = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2, let value = PercentCoding.decoded(halves[1]),
                fields.updateValue(value, forKey: halves[0]) == nil
            else { throw RequestError.malformed("a field of the address can't be read, or comes twice") }
        }
    }

    func needed<Value>(_ name: Substring, _ value: Value?) throws -> Value {
        guard let value else {
            throw RequestError.malformed("the address lacks “\(name)”, or it can't be read")
        }
        return value
    }

    func document() throws -> DocumentName {
        let text = try needed("d", fields["d"])
        do { return try DocumentName(text) } catch { throw RequestError.malformed("\(error)") }
    }

    /// Nil when it is missing.
    func number(_ name: Substring) throws -> Int64? {
        guard let text = fields[name] else { return nil }
        guard let number = Int64(text), number >= 0 else {
            throw RequestError.malformed("“\(name)” in the address is no number of this kind")
        }
        return number
    }

    func limit(_ most: Int) throws -> Int { min(max(Int(clamping: try number("limit") ?? 100), 1), most) }

    func position(_ name: Substring) throws -> LogPosition {
        let position = try needed(name, fields[name].flatMap { LogPosition(header: $0) })
        guard position.sequence >= 0 else { throw RequestError.malformed("“\(name)” is below 0") }
        return position
    }

    func epoch() throws -> UInt64 { try needed("e", fields["e"].flatMap { LogPosition.epoch($0) }) }

    func key() throws -> CommitKey {
        let digits = try needed("key", fields["key"])
        guard digits.utf8.count == 32, let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16)
        else { throw RequestError.malformed("“key” in the address is not 32 digits in base 16") }
        let bytes = [high, low].flatMap { half in
            (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * UInt64($0))) }
        }
        return try needed("key", CommitKey(bytes: bytes))
    }
}
