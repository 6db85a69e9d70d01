import Dovetail
import DovetailEngine

/// Digests are added up inside the server, by its own functions, in the snapshot of the look.
extension PostgresObservation: DigestingObservation {
    func digestDialect(of view: TableView) async throws -> String? { try await digestPlan(view)?.dialect }

    func sampleKeys(of view: TableView, count: Int) async throws -> [RecordKey] {
        try await asking(view) { try $0.sample(count) }
    }

    func digests(of view: TableView, parts: KeyParts) async throws -> [PartDigest] {
        if parts.wanted?.isEmpty == true { return [] }
        return try await asking(view) { try $0.parts(parts) }
    }

    func keyDigests(of view: TableView, parts: KeyParts) async throws -> [KeyDigest] {
        if parts.wanted?.isEmpty == true { return [] }
        return try await asking(view) { try $0.keys(parts) }.sorted { $0.key < $1.key }
    }

    private func asking<Answer: Sendable>(
        _ view: TableView, _ body: @escaping @Sendable (DigestReader) throws -> Answer
    ) async throws -> Answer {
        guard let digests = try await digestPlan(view) else {
            throw pool.place.error(.failed, "table \(view.table) has no digests")
        }
        return try await perform { try body(DigestReader(digests, $0)) }
    }
}
