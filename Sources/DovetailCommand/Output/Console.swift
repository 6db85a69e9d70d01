import Foundation
import Synchronization

/// The two streams: results on stdout, everything else on stderr.
enum Console {
    private static let buffer = Mutex<[UInt8]>([])
    /// Where results go for now.
    private static let stream = Mutex<Int32>(1)

    /// Sends what would be the result to stderr, while a person is asked and the result will be JSON.
    static func redirect(_ isOn: Bool) {
        flush()
        stream.withLock { $0 = isOn ? 2 : 1 }
    }

    /// A line of the result.
    static func line(_ text: String = "") { raw(text + "\n") }

    /// Text of the result as it is.
    static func raw(_ text: String) {
        buffer.withLock { buffer in
            buffer.append(contentsOf: text.utf8)
            if buffer.count >= 1 << 16 { send(&buffer, to: stream.withLock { $0 }) }
        }
    }

    /// Bytes of the result as they are.
    static func bytes(_ bytes: [UInt8]) {
        flush()
        var bytes = bytes
        send(&bytes, to: stream.withLock { $0 })
    }

    /// One JSON object, as the whole result.
    static func json(_ value: some Encodable) { line(JSON.text(value)) }

    /// A line on stderr.
    static func error(_ text: String) {
        flush()
        var bytes = Array((text + "\n").utf8)
        send(&bytes, to: 2)
    }

    /// Text on stderr as it is.
    static func errorRaw(_ text: String) {
        var bytes = Array(text.utf8)
        send(&bytes, to: 2)
    }

    /// Sends what waits.
    static func flush() { buffer.withLock { send(&$0, to: stream.withLock { $0 }) } }

    static func exit(_ code: Int32) -> Never {
        flush()
        Foundation.exit(code)
    }

    private static func send(_ bytes: inout [UInt8], to stream: Int32) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                write(stream, $0.baseAddress?.advanced(by: sent), $0.count - sent)
            }
            if count < 0 {
                if errno == EINTR { continue }
                break
            }
            sent += count
        }
        bytes.removeAll(keepingCapacity: true)
    }
}

/// Colours, where they are wanted.
struct Paint {
    let isOn: Bool

    static let stdout = Paint(stream: 1)
    static let stderr = Paint(stream: 2)

    /// A terminal gets colours unless `NO_COLOR` is set; a pipe only with `CLICOLOR_FORCE`.
    init(stream: Int32) {
        let environment = ProcessInfo.processInfo.environment
        if environment["NO_COLOR"].map({ !$0.isEmpty }) ?? false {
            isOn = false
        } else if environment["CLICOLOR_FORCE"].map({ !$0.isEmpty && $0 != "0" }) ?? false {
            isOn = true
        } else {
            isOn = isatty(stream) == 1 && environment["TERM"] != "dumb"
        }
    }

    func red(_ text: String) -> String { wrap("31", text) }
    func green(_ text: String) -> String { wrap("32", text) }
    func yellow(_ text: String) -> String { wrap("33", text) }
    func magenta(_ text: String) -> String { wrap("35", text) }
    func dim(_ text: String) -> String { wrap("2", text) }
    func bold(_ text: String) -> String { wrap("1", text) }

    private func wrap(_ code: String, _ text: String) -> String {
        isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
