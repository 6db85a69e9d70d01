import Dovetail
import DovetailEngine

/// The lock of a job, as every state store keeps it.
struct StateLockChecks: StateSuite {
    static let all: [StateStoreCheck] = [
        StateStoreCheck(
            "the lock of a job is held by one run at a time, and says by whom"
        ) { try await StateLockChecks().exclusive($0) }
    ]

    func exclusive(_ store: any StateStore) async throws {
        try same(try await store.lockState(), .free)
        try await store.lock(as: me, patience: 0)
        try same(try await store.lockState(), .held(by: me))
        let error = try await refused {
            try await store.lock(as: other, patience: 0.05)
        }
        guard case .locked(let owner) = error else {
            throw ConformanceFailure(description: "it says: \(error)")
        }
        try same(owner, me)
        await store.unlock()
        try same(try await store.lockState(), .free)
        try await store.lock(as: other, patience: 0)
        await store.unlock()
    }
}
