import Dovetail
import DovetailEngine
import Foundation

/// Turns what went wrong in the database into words about the state.
struct StateErrors: Sendable {
    /// As ``PostgresStateStore/name``.
    let store: String
    let place: DatabasePlace

    static func isDamage(_ error: any Error) -> Bool {
        switch error {
        case is StateDamage, is PackingError, is StateCodingError, is DecodingError: true
        case let error as ReplicaError: error.kind == .damaged
        case let error as PostgresFailure: ["XX001", "XX002"].contains(error.sqlState)
        default: false
        }
    }

    func error(_ error: any Error) -> any Error {
        switch error {
        case is StateError, is CancellationError: return error
        case let error as ReplicaError: return state(error)
        case let error as PostgresFailure: return state(place.error(error))
        default:
            guard Self.isDamage(error) else { return StateError.failed(store: store, message: "\(error)") }
            return StateError.failed(
                store: store,
                message:
                    "what it remembers of this job is damaged (\(words(error))); the next run puts it aside and"
                    + " begins anew")
        }
    }

    private func state(_ error: ReplicaError) -> StateError {
        // The name of the state says where it is.
        let prefix = place.display + ": "
        let message =
            error.message.hasPrefix(prefix) ? String(error.message.dropFirst(prefix.count)) : error.message
        return switch error.kind {
        case .full: .full(store: store)
        case .forbidden: .forbidden(store: store, message: message)
        default: .failed(store: store, message: message)
        }
    }

    /// The damage in words, without values.
    func words(_ error: any Error) -> String {
        switch error {
        case is DecodingError: "a text that can't be read"
        case let error as ReplicaError: state(error).description
        case let error as PostgresFailure: error.words
        default: "\(error)"
        }
    }
}
