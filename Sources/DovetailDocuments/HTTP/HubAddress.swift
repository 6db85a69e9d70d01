import Foundation

/// Where a set of documents is: `http(s)://HOST[:PORT]/SET`.
public struct HubAddress: Sendable, Hashable, CustomStringConvertible {
    /// `https://hub.example:8443`, without a slash.
    public let server: String
    /// The name of the set.
    public let set: String

    /// - Throws: ``HubError`` (``HubError/Kind/invalid``) that says what is wrong with it. An address that holds a password is
    ///   refused, and not shown.
    public init(_ text: String) throws(HubError) {
        func refuse(_ reason: String) -> HubError {
            HubError(.invalid, "\(reason); the address of a hub is http(s)://HOST[:PORT]/SET")
        }
        guard let parts = URLComponents(string: text) else { throw refuse("“\(text)” is no address") }
        guard parts.user == nil, parts.password == nil else {
            throw refuse("the address holds a name or password; tokens are given apart from it")
        }
        guard let scheme = parts.scheme?.lowercased(), ["http", "https"].contains(scheme) else {
            throw refuse("“\(text)” begins with neither http:// nor https://")
        }
        guard let host = parts.encodedHost, !host.isEmpty else { throw refuse("“\(text)” names no host") }
        // Connections count on a port that there is. One that is no Int at all is none to URLComponents.
        if let port = parts.rangeOfPort.map({ text[$0] }), !port.isEmpty,
            !(1...65_535).contains(parts.port ?? 0)
        {
            throw refuse("there is no port \(port); ports are 1 to 65535")
        }
        guard parts.query == nil, parts.fragment == nil else {
            throw refuse("“\(text)” has something after the set")
        }
        let path = parts.path.split(separator: "/", omittingEmptySubsequences: true)
        guard path.count == 1, SetName.isValid(String(path[0])) else {
            throw refuse("“\(text)” doesn't name one set")
        }
        server = "\(scheme)://\(host)" + (parts.port.map { ":\($0)" } ?? "")
        set = String(path[0])
    }

    public var description: String { "\(server)/\(set)" }
}

/// What stands in paths and queries as it is; all other bytes are written `%XX`.
package enum PercentCoding {
    package static func encoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, 0x2d, 0x2e, 0x5f, 0x7e:
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }

    /// Nil unless every `%` begins two digits and the bytes are UTF-8.
    package static func decoded(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}
