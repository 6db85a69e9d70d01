import Dovetail
import DovetailEngine

/// A record by its type and its identifiers.
struct RecordName: Hashable, Sendable {
    let type: String
    let key: RecordKey

    var words: String { "\(type) \(key.words)" }
}
