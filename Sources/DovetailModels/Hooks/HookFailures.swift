import Dovetail
import Synchronization

/// What hooks refused in one run. The engine tries again whatever may depend on other records; a hook is called once.
final class HookFailures: Sendable {
    private let reasons = Mutex<[RecordName: String]>([:])

    func note(_ name: RecordName, _ reason: String) {
        reasons.withLock { $0[name] = reason }
    }

    func reason(of name: RecordName) -> String? {
        reasons.withLock { $0[name] }
    }
}
