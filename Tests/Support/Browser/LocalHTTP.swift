import Foundation

/// One request to a server on this machine, over a connection of its own.
///
/// `URLSession` on Linux gives up on chromedriver's answers (“Failed writing header”); what WebDriver needs of HTTP is
/// this much.
enum LocalHTTP {
    static func send(_ method: String, port: UInt16, path: String, body: Data?) async throws -> Data {
        // Waiting for a browser must not keep the threads of the tests.
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try exchange(method, port, path, body) })
            }
        }
    }

    private static func exchange(_ method: String, _ port: UInt16, _ path: String, _ body: Data?) throws
        -> Data
    {
        #if canImport(Glibc)
            let kind = Int32(SOCK_STREAM.rawValue)
        #else
            let kind = SOCK_STREAM
        #endif
        let connection = socket(AF_INET, kind, 0)
        guard connection >= 0 else { throw BrowserError("no socket") }
        defer { close(connection) }
        var patience = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let isOpen = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isOpen else { throw BrowserError("nobody listens on port \(port)") }
        var request = Data(
            "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n".utf8)
        if let body {
            request += Data("Content-Type: application/json\r\nContent-Length: \(body.count)\r\n".utf8)
        }
        request += Data("\r\n".utf8) + (body ?? Data())
        try write(request, to: connection)
        return try answer(from: connection)
    }

    private static func write(_ data: Data, to connection: Int32) throws {
        var rest = data[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Foundation.send(connection, $0.baseAddress, $0.count, 0) }
            guard sent > 0 else { throw BrowserError("the connection broke") }
            rest = rest.dropFirst(sent)
        }
    }

    private static func answer(from connection: Int32) throws -> Data {
        var received = Data()
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            if let end = received.firstRange(of: Data("\r\n\r\n".utf8)) {
                let head = String(decoding: received[..<end.lowerBound], as: UTF8.self)
                let length = head.firstMatch(of: /(?i)content-length: *(\d+)/).flatMap { Int($0.1) }
                if let length, received.count - end.upperBound >= length {
                    return Data(received[end.upperBound..<(end.upperBound + length)])
                }
            }
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { throw BrowserError("the answer ended too early") }
            received += chunk[..<count]
        }
    }
}
