public import DovetailEngine

/// What the author of a state store provides so that its suite can run: one memory, new with each harness.
///
/// ```swift
/// @Test(arguments: StateStoreConformance.checks)
/// func conforms(check: StateStoreCheck) async throws {
///     try await check.run(MyStateHarness())
/// }
/// ```
public protocol StateStoreHarness: Sendable {
    /// Opens the memory, which is empty the first time.
    /// - Returns: Each time another store, as another process would have it; nil when there can be only one.
    func open() async throws -> (any StateStore)?
    /// The same without making anything; nil when the store knows no such way.
    func openForReading() async throws -> (any StateStore)?
    /// Removes the memory. All stores are closed by then.
    func destroy() async
}

/// One thing every state store has to do.
public struct StateStoreCheck: Sendable, CustomStringConvertible {
    /// The behaviour, as a sentence.
    public let description: String
    private let body: @Sendable (any StateStoreHarness) async throws -> Void

    /// - Throws: ``ConformanceFailure`` when the store does otherwise; whatever the store throws.
    public func run(_ harness: any StateStoreHarness) async throws {
        do {
            try await body(harness)
            await harness.destroy()
        } catch {
            await harness.destroy()
            throw error
        }
    }

    /// A check of one store.
    init(_ description: String, _ check: @escaping @Sendable (any StateStore) async throws -> Void) {
        self.description = description
        body = { harness in
            guard let store = try await harness.open() else { return }
            do {
                try await check(store)
                await store.close()
            } catch {
                await store.close()
                throw error
            }
        }
    }

    /// A check of several stores on one memory. It closes what it opens.
    init(
        shared description: String, _ check: @escaping @Sendable (any StateStoreHarness) async throws -> Void
    ) {
        self.description = description
        body = check
    }
}

/// The suite that every state store passes.
public enum StateStoreConformance {
    public static let checks: [StateStoreCheck] =
        StateBaseChecks.all + StateRunChecks.all + StateHistoryChecks.all + StateUnsettledChecks.all
        + StateLockChecks.all + StateSharingChecks.all
}

// MARK: - What checks are written with

/// - Throws: ``ConformanceFailure`` that names the place unless the condition holds.
func check(
    _ condition: Bool, _ words: String = "", file: StaticString = #fileID, line: Int = #line
) throws {
    guard !condition else { return }
    throw ConformanceFailure(description: "\(file):\(line): \(words.isEmpty ? "it does not hold" : words)")
}

func same<Value: Equatable>(
    _ found: Value, _ expected: Value, file: StaticString = #fileID, line: Int = #line
) throws {
    guard found != expected else { return }
    throw ConformanceFailure(description: "\(file):\(line): found \(found), expected \(expected)")
}

func require<Value>(_ value: Value?, file: StaticString = #fileID, line: Int = #line) throws -> Value {
    guard let value else { throw ConformanceFailure(description: "\(file):\(line): nothing was found") }
    return value
}

/// Runs what a store has to refuse.
@discardableResult
func refused(
    file: StaticString = #fileID, line: Int = #line, _ body: () async throws -> Void
) async throws -> StateError {
    do { try await body() } catch let error as StateError { return error }
    throw ConformanceFailure(description: "\(file):\(line): it was not refused")
}
