import Dovetail
import DovetailModels
import Foundation
import Testing

@Suite("What fields of models hold")
struct ValueTests {
    private enum Level: Int, FieldValue { case low = 1, high = 9 }

    private struct Everything: Model, Equatable {
        var id: Int32? = 0
        var text = ""
        var flag = false
        var small: UInt8 = 0
        var large: Int64 = 0
        var number = 0.0
        var exact: Decimal = 0
        var uuid: UUID?
        var moment = Date(timeIntervalSince1970: 0)
        var bytes = Data()
        var level = Level.low
        var list: [String?] = []
        private var hidden = 0
        /// Where no storage of its own is.
        var doubled: Int {
            get { hidden * 2 }
            set { hidden = newValue / 2 }
        }

        static let definition = ModelDefinition<Self>(
            "everything", id: \.id,
            attributes: \.text, \.flag, \.small, \.large, \.number, \.exact, \.uuid, \.moment, \.bytes,
            \.level, \.list,
            \.doubled)

        static func random(_ id: Int32, _ random: inout Numbers) -> Everything {
            var all = Everything()
            all.id = id
            all.text =
                ["", "é", "e\u{301}", "a\u{0}b", "“\n”", "👩‍🚀", String(repeating: "long ", count: 50)]
                .randomElement(using: &random) ?? ""
            all.flag = Bool.random(using: &random)
            all.small = UInt8.random(in: 0...255, using: &random)
            all.large = [Int64.min, .max, 0, -1].randomElement(using: &random) ?? 0
            all.number =
                [0, -0.0, 0.1, .infinity, .leastNonzeroMagnitude, 1e300].randomElement(using: &random) ?? 0
            all.exact =
                [0, Decimal(string: "12345678901234567890.125") ?? 0, -1].randomElement(using: &random) ?? 0
            all.uuid = Bool.random(using: &random) ? UUID() : nil
            all.moment = Date(
                timeIntervalSince1970: Double(Int32.random(in: .min ... .max, using: &random)) / 8)
            all.bytes = Data((0..<Int.random(in: 0..<5, using: &random)).map { UInt8($0) })
            all.level = Bool.random(using: &random) ? .high : .low
            all.list = [[], [nil], ["a", "b"]].randomElement(using: &random) ?? []
            all.doubled = Int.random(in: -5...5, using: &random) * 2
            return all
        }
    }

    @Test("everything arrives as it was, created and updated", arguments: 1...20)
    func roundTrip(seed: UInt64) async throws {
        var random = Numbers(seed: seed)
        let (a, b) = (try Dataset("A", Everything.self), try Dataset("B", Everything.self))
        for id in 0..<30 { try b.add(Everything.random(Int32(id), &random)) }
        for id in 0..<15 { try a.add(Everything.random(Int32(id), &random)) }
        try await a.sync(from: b)
        func sorted(_ dataset: Dataset) -> [Everything] {
            dataset.all(Everything.self).sorted { $0.id ?? 0 < $1.id ?? 0 }
        }
        #expect(sorted(a) == sorted(b))
        #expect(try await a.diff(from: b).isEmpty)
    }

    @Test("composed and decomposed text differ, NaN does not differ from itself, and zero has one sign")
    func equality() async throws {
        func one(_ change: (inout Everything) -> Void) throws -> Dataset {
            let dataset = try Dataset("A", Everything.self)
            var record = Everything()
            change(&record)
            try dataset.add(record)
            return dataset
        }
        let composed = try one { $0.text = "é" }
        #expect(try await composed.diff(from: try one { $0.text = "e\u{301}" }).summary.update == 1)
        #expect(try await one { $0.number = .nan }.diff(from: try one { $0.number = .nan }).isEmpty)
        #expect(try await one { $0.number = 0 }.diff(from: try one { $0.number = -0.0 }).isEmpty)
    }

    @Test("a record without an identity is left alone, and said to be")
    func nobody() async throws {
        let (a, b) = (try Dataset("A", Everything.self), try Dataset("B", Everything.self))
        var record = Everything()
        record.id = nil
        try b.add(record)
        let diff = try await a.diff(from: b)
        #expect(diff.isEmpty && diff.summary.skipped == 1)
        let result = try await a.sync(from: b)
        #expect(result.operations.isEmpty && !result.isComplete)
        #expect(
            result.skipped.map(\.reason) == ["a key field is null on B; fill it or match by other fields"])
    }

    @Test("many children of one parent")
    func large() async throws {
        let (a, b) = (
            try network("A"),
            try network("B", sites: [Site(name: "x")], devices: [Device(site: "x", name: "y")])
        )
        try b.add(contentsOf: (0..<20_000).map { Interface(site: "x", device: "y", name: "eth\($0)") })
        #expect(try await a.diff(from: b).summary.create == 20_002)
        try await a.sync(from: b)
        #expect(try await a.diff(from: b).isEmpty)
    }
}
