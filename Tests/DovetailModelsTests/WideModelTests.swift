import Dovetail
import DovetailModels
import Testing

/// A hundred attributes, in ten properties of ten: a definition of key paths goes as deep as they do.
@Suite("A model with a hundred attributes")
struct WideModelTests {
    struct Ten: Sendable {
        var a = 0
        var b = ""
        var c = 0.0
        var d = false
        var e: Int?
        var f: String?
        var g = [Int]()
        var h = Int64(0)
        var i = UInt8(0)
        var j = Int32(0)
    }

    struct Wide: Model {
        var name = ""
        var t0 = Ten()
        var t1 = Ten()
        var t2 = Ten()
        var t3 = Ten()
        var t4 = Ten()
        var t5 = Ten()
        var t6 = Ten()
        var t7 = Ten()
        var t8 = Ten()
        var t9 = Ten()

        static let definition = ModelDefinition<Self>(
            "wide", id: \.name,
            attributes:
                \.t0.a, \.t0.b, \.t0.c, \.t0.d, \.t0.e, \.t0.f, \.t0.g, \.t0.h, \.t0.i, \.t0.j,
            \.t1.a, \.t1.b, \.t1.c, \.t1.d, \.t1.e, \.t1.f, \.t1.g, \.t1.h, \.t1.i, \.t1.j,
            \.t2.a, \.t2.b, \.t2.c, \.t2.d, \.t2.e, \.t2.f, \.t2.g, \.t2.h, \.t2.i, \.t2.j,
            \.t3.a, \.t3.b, \.t3.c, \.t3.d, \.t3.e, \.t3.f, \.t3.g, \.t3.h, \.t3.i, \.t3.j,
            \.t4.a, \.t4.b, \.t4.c, \.t4.d, \.t4.e, \.t4.f, \.t4.g, \.t4.h, \.t4.i, \.t4.j,
            \.t5.a, \.t5.b, \.t5.c, \.t5.d, \.t5.e, \.t5.f, \.t5.g, \.t5.h, \.t5.i, \.t5.j,
            \.t6.a, \.t6.b, \.t6.c, \.t6.d, \.t6.e, \.t6.f, \.t6.g, \.t6.h, \.t6.i, \.t6.j,
            \.t7.a, \.t7.b, \.t7.c, \.t7.d, \.t7.e, \.t7.f, \.t7.g, \.t7.h, \.t7.i, \.t7.j,
            \.t8.a, \.t8.b, \.t8.c, \.t8.d, \.t8.e, \.t8.f, \.t8.g, \.t8.h, \.t8.i, \.t8.j,
            \.t9.a, \.t9.b, \.t9.c, \.t9.d, \.t9.e, \.t9.f, \.t9.g, \.t9.h, \.t9.i, \.t9.j)
    }

    @Test("tells each of them from the others, and carries it")
    func wide() async throws {
        let schemaFields = Set(
            try await Dataset("A", Wide.self).diff(from: some { try $0.add(Wide(name: "x")) })
                .elements[0].attributes.map(\.name))
        #expect(schemaFields.count == 100)
        let a = try some { try $0.add(Wide(name: "x")) }
        var other = Wide(name: "x")
        other.t3.g = [1, 2]
        other.t9.j = 7
        other.t0.a = -1
        let b = try some { try $0.add(other) }
        let element = try await a.diff(from: b).elements[0]
        #expect(element.attributes.map(\.name) == ["t0.a", "t3.g", "t9.j"])
        try await a.sync(from: b)
        let now = a.all(Wide.self)[0]
        #expect(now.t3.g == [1, 2] && now.t9.j == 7 && now.t0.a == -1 && now.t5.f == nil)
        #expect(try await a.diff(from: b).isEmpty)
    }

    private func some(_ fill: (Dataset) throws -> Void) throws -> Dataset {
        let dataset = try Dataset("B", Wide.self)
        try fill(dataset)
        return dataset
    }
}
