import Foundation
import Synchronization
import Testing

/// Takes connections and never says a word, or one that is no PostgreSQL.
final class SilentServer: Sendable {
    let port: Int
    private let socket: Int32
    private let fillers = Mutex<[Int32]>([])

    init(saying words: String? = nil, backlog: Int32 = 5) throws {
        let descriptor = Self.makeSocket()
        socket = descriptor
        var address = Self.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, backlog) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        try #require(isListening)
        guard let words else { return }
        DispatchQueue.global().async {
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0 else { return }
                _ = words.withCString { send(client, $0, words.utf8.count, 0) }
            }
        }
    }

    deinit {
        shutdown(socket, Int32(SHUT_RDWR))
        close(socket)
        fillers.withLock { for client in $0 { close(client) } }
    }

    /// Takes all the places in the queue, so that Linux lets whoever comes next knock in vain.
    func fill() throws {
        for _ in 0..<4 {
            let client = Self.makeSocket()
            fillers.withLock { $0.append(client) }
            _ = fcntl(client, F_SETFL, O_NONBLOCK)
            var address = Self.address(port)
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
    }

    private static func makeSocket() -> Int32 {
        #if canImport(Glibc)
            Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            Darwin.socket(AF_INET, SOCK_STREAM, 0)
        #endif
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}
