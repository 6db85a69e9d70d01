import Dovetail
import DovetailConformance
import DovetailEngine
import DovetailSQLite
import Foundation
import Testing

@Suite("The history of a state store")
struct StateHistoryTests: StateSuite {
    @Test("leaves no removed value in the bytes of the file")
    func fileBytes() async throws {
        try await withStateFolder { folder in
            let path = folder + "/job.state"
            let store = try SQLiteStateStore.open(path: path, job: "job")
            let secret = "Ellen-Margrethe-4711"
            func holds() throws -> Bool {
                let names = try FileManager.default.contentsOfDirectory(atPath: folder)
                return try names.contains { name in
                    try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)).range(
                        of: Data(secret.utf8)) != nil
                }
            }
            var memory = Memory()
            memory.conflicts = [conflict(2, left: secret, right: "r")]
            memory.outcomes = (1...300).map {
                (trees, .right, key(Int64($0)), .rejected, "\(secret) is too long")
            }
            let entries = (1...300).map { update(Int64($0), from: "\(secret)", to: "x") }
            try await store.run(memory, journal: entries)
            #expect(try holds())
            let masked = HistoryRetention(values: .masked, maskedFields: ["name"])
            try await store.run(Memory(), end: end(retention: masked))
            #expect(try holds(), "an open conflict keeps its values")
            var settled = Memory()
            settled.settled = [(trees, key(2))]
            try await store.run(settled, end: end(retention: masked))
            #expect(try !holds())
            await store.close()
            #expect(try !holds())
        }
    }
}
