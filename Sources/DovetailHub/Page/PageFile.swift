import DovetailDocuments
import HTTPTypes

/// A file of the page that shows the hub. It holds no data: the page asks for them with the token that a person gives it.
enum PageFile: String, Sendable, Hashable {
    case page = "/"
    case style = "/hub.css"
    case script = "/hub.js"

    /// The page is at the hub's address and at that of each set, for which it then asks a token.
    init?(path: String) {
        let name = path.dropFirst()
        let isSet = name != "v1" && SetName.isValid(String(name))
        guard let file = PageFile(rawValue: path) ?? (isSet ? .page : nil) else { return nil }
        self = file
    }

    private var content: (type: String, bytes: [UInt8]) {
        switch self {
        case .page: ("text/html; charset=utf-8", PackageResources.hub_html)
        case .style: ("text/css; charset=utf-8", PackageResources.hub_css)
        case .script:
            ("text/javascript; charset=utf-8", PackageResources.compare_js + PackageResources.hub_js)
        }
    }

    /// Nothing of elsewhere is loaded, nothing inline is run, and no other page may show this one in a frame.
    private static let policy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src data:",
        "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ].joined(separator: "; ")

    var answer: Answer {
        let content = content
        return Answer(
            status: .ok,
            headers: [
                .contentType: content.type, .contentSecurityPolicy: Self.policy,
                .xContentTypeOptions: "nosniff",
                .cacheControl: "no-cache", .referrerPolicy: "no-referrer",
            ], body: content.bytes)
    }
}

extension HTTPField.Name {
    fileprivate static let referrerPolicy = HTTPField.Name.known("Referrer-Policy")
}
