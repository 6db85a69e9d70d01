import Dovetail
import DovetailEngine
import Testing

@testable import DovetailJobs

@Suite struct TypeFitTests {
    private func fit(
        _ left: FieldType, _ right: FieldType, _ declared: JobFile.Conversion? = nil,
        _ direction: Dovetail.Direction = .both
    ) throws -> TypeFit {
        try TypeFit.fit(Sides(left: left, right: right), declared: declared, direction: direction, field: "f")
    }

    private func layer(_ type: String, srid: Int32 = 25832, z: Bool = false) -> FieldType {
        .geometry(GeometryKind(type: type, srid: srid, hasZ: z))
    }

    @Test func `equal types fit, and a column without a type takes the other's`() throws {
        #expect(try fit(.int, .int).type == .int)
        #expect(try fit(.any, .date).type == .date)
        #expect(try fit(.uuid, .any).type == .uuid)
    }

    @Test func `types that differ are refused, with the conversion that would help`() {
        #expect(throws: TypeFit.Misfit.self) { try fit(.int, .double) }
        for (left, right, remedy) in [
            (FieldType.bool, FieldType.int, JobFile.Conversion.bool), (.text, .uuid, .text),
            (.timestamp, .text, .text),
            (layer("POINT"), layer("MULTIPOINT"), .multi),
        ] {
            let misfit = #expect(throws: TypeFit.Misfit.self) { try fit(left, right) }
            #expect(misfit?.remedy == remedy)
            #expect(throws: Never.self) { try fit(left, right, remedy) }
        }
    }

    @Test func `a conversion stands on the side that lacks the type`() throws {
        #expect(
            try fit(.bool, .int, .bool) == TypeFit(type: .bool, conversions: Sides(left: nil, right: .bool)))
        #expect(
            try fit(.text, .date, .text) == TypeFit(type: .date, conversions: Sides(left: .text, right: nil)))
        let multi = try fit(layer("MULTIPOLYGON"), layer("POLYGON"), .multi)
        #expect(multi.type == layer("POLYGON"))
        #expect(multi.conversions == Sides(left: .multi, right: nil))
    }

    @Test func `a conversion that means nothing here is refused`() {
        #expect(throws: TypeFit.Misfit.self) { try fit(.bool, .date, .bool) }
        #expect(throws: TypeFit.Misfit.self) { try fit(.int, .double, .text) }
        #expect(throws: TypeFit.Misfit.self) { try fit(layer("POINT"), layer("MULTIPOLYGON"), .multi) }
    }

    @Test func `nothing is reprojected`() {
        let misfit = #expect(throws: TypeFit.Misfit.self) {
            try fit(layer("POINT"), layer("POINT", srid: 4326))
        }
        #expect(misfit?.message.contains("EPSG:25832") == true)
        #expect(throws: TypeFit.Misfit.self) { try fit(layer("POINT"), layer("POINT", srid: 4326), .multi) }
    }

    @Test func `a one-way job asks only that the follower can hold the source's values`() throws {
        #expect(throws: TypeFit.Misfit.self) { try fit(layer("POINT"), layer("GEOMETRY")) }
        #expect(try fit(layer("POINT"), layer("GEOMETRY"), nil, .leftToRight).type == layer("POINT"))
        #expect(throws: TypeFit.Misfit.self) { try fit(layer("POINT"), layer("GEOMETRY"), nil, .rightToLeft) }
    }
}

@Suite struct ValueParserTests {
    @Test func `what a person types becomes a value of the field's type`() throws {
        #expect(try ValueParser.value("12", as: .int) == .int(12))
        #expect(try ValueParser.value("1.50", as: .double) == .double(1.5))
        #expect(try ValueParser.value("yes", as: .bool) == .bool(true))
        #expect(try ValueParser.value("00fF", as: .bytes) == .bytes([0, 255]))
        #expect(try ValueParser.value("{\"b\":1,\"a\":2}", as: .json) == .json("{\"a\":2,\"b\":1}"))
        #expect(try ValueParser.value("", as: .text) == .text(""))
        #expect(try ValueParser.value("null", as: .text) == .null)
        #expect(try ValueParser.value("\"null\"", as: .text) == .text("null"))
        #expect(try ValueParser.value("12", as: .any) == .int(12))
        #expect(try ValueParser.value("\"12\"", as: .any) == .text("12"))
    }

    @Test(arguments: [
        FieldType.int, .double, .decimal, .date, .time, .timestamp, .timestampWithZone, .uuid, .json, .bytes,
    ])
    func `what is none is refused with how it is written`(type: FieldType) {
        let failure = #expect(throws: ValueParser.Failure.self) { try ValueParser.value("zz!", as: type) }
        #expect(failure?.description.contains("write ") == true)
    }

    @Test func `a time without a zone is no instant`() {
        #expect(throws: ValueParser.Failure.self) {
            try ValueParser.value("2026-05-31T14:05:00", as: .timestampWithZone)
        }
        #expect(throws: ValueParser.Failure.self) {
            try ValueParser.value("2026-05-31T14:05:00Z", as: .timestamp)
        }
    }

    @Test func `a layout's type names lead back to the types`() {
        for type in [FieldType.bool, .timestampWithZone, .json, .any, .list(.int)] {
            #expect(FieldType(layoutName: type.name) == type)
        }
    }
}
