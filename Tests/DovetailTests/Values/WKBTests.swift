import Testing

@testable import Dovetail

@Suite("Well-known binary")
struct WKBTests {
    private func canonical(_ bytes: [UInt8]) throws -> [UInt8] {
        try geometry(bytes).wkb
    }

    /// The closure of withUnsafeBytes cannot throw a typed error, so the result is carried out of it.
    private func geometry(_ bytes: [UInt8], srid: Int32 = 0) throws -> Geometry {
        try bytes.withUnsafeBytes { try Geometry(srid: srid, parsing: $0) }
    }

    private func reason(_ bytes: [UInt8]) -> WKBError.Reason? {
        do {
            _ = try canonical(bytes)
            return nil
        } catch {
            return (error as? WKBError)?.reason
        }
    }

    private func point(_ x: Double, _ y: Double) -> [UInt8] {
        var builder = WKBBuilder()
        builder.header(1)
        builder.ordinates(x, y)
        return builder.bytes
    }

    private func line(_ ordinates: [Double], code: UInt32 = 2) -> [UInt8] {
        var builder = WKBBuilder()
        builder.header(code)
        builder.word(UInt32(ordinates.count / 2))
        for ordinate in ordinates { builder.ordinates(ordinate) }
        return builder.bytes
    }

    @Test("ISO and EWKB of either byte order come to the same bytes")
    func oneForm() throws {
        var forms: [[UInt8]] = []
        for (extended, little) in [(false, false), (false, true), (true, false), (true, true)] {
            var builder = WKBBuilder(z: true, extended: extended)
            builder.little = little
            builder.header(4, srid: extended ? 4326 : nil)
            builder.word(2)
            for value in [1.0, 2] {
                builder.little.toggle()
                builder.header(1)
                builder.ordinates(value, 5)
                builder.ordinate(little ? 0x7ff0_0000_0000_0001 : 0xffff_ffff_ffff_ffff)
                builder.little.toggle()
            }
            forms.append(builder.bytes)
        }
        let all = try forms.map { try geometry($0, srid: 4326) }
        #expect(Set(all).count == 1)
        #expect(all[0].srid == 4326)
        #expect(all[0].wkb.withUnsafeBytes(WKB.typeName) == "MULTIPOINT Z")
        let text = all[0].wkb.withUnsafeBytes { WKB.wkt($0, maxCharacters: 99) }
        #expect(text == "MULTIPOINT Z ((1 5 NaN), (2 5 NaN))")
    }

    @Test("an SRID inside wins over the one given")
    func embeddedSRID() throws {
        var builder = WKBBuilder(extended: true)
        builder.header(1, srid: 3857)
        builder.ordinates(1, 2)
        #expect(try geometry(builder.bytes, srid: 4326).srid == 3857)
        #expect(try geometry(point(1, 2), srid: 4326).srid == 4326)
    }

    @Test("canonical is canonical, is itself again, and never longer")
    func idempotent() throws {
        var generator = ValueGenerator(seed: 30)
        for _ in 0..<2000 {
            let bytes = generator.wkb()
            let once = try canonical(bytes)
            #expect(try canonical(once) == once)
            #expect(once.withUnsafeBytes(WKB.isCanonical))
            #expect(once.count <= bytes.count)
            #expect(bytes.withUnsafeBytes(WKB.envelope) == once.withUnsafeBytes(WKB.envelope))
            #expect(bytes.withUnsafeBytes(WKB.isEmpty) == once.withUnsafeBytes(WKB.isEmpty))
            let text = once.withUnsafeBytes { WKB.wkt($0, maxCharacters: 100_000) }
            #expect(bytes.withUnsafeBytes { WKB.wkt($0, maxCharacters: 100_000) } == text)
            #expect(text.last != "…")
            #expect(WKB.equal(once, once, tolerance: 0))
        }
    }

    @Test("bytes cut off anywhere are refused and crash nothing")
    func truncated() {
        var generator = ValueGenerator(seed: 31)
        for _ in 0..<200 {
            let bytes = generator.wkb()
            for end in 0..<bytes.count {
                let cut = Array(bytes[..<end])
                #expect(reason(cut) != nil)
                #expect(!cut.withUnsafeBytes(WKB.isCanonical))
                #expect(cut.withUnsafeBytes(WKB.envelope) == nil)
                #expect(cut.withUnsafeBytes(WKB.isEmpty))
                _ = cut.withUnsafeBytes(WKB.typeName)
                #expect(cut.withUnsafeBytes { WKB.wkt($0, maxCharacters: 1000) }.last == "…")
            }
            #expect(reason(bytes + [0]) == .trailingBytes)
        }
    }

    @Test("damaged bytes crash nothing")
    func damaged() throws {
        var generator = ValueGenerator(seed: 32)
        for _ in 0..<3000 {
            var bytes = generator.wkb()
            let whole = bytes
            for _ in 0..<generator.int(1...4) {
                bytes[generator.int(0...bytes.count - 1)] = UInt8(generator.int(0...255))
            }
            _ = bytes.withUnsafeBytes { WKB.wkt($0, maxCharacters: 200) }
            _ = bytes.withUnsafeBytes(WKB.envelope)
            _ = WKB.equal(whole, bytes, tolerance: 1)
            if reason(bytes) == nil {
                let once = try canonical(bytes)
                #expect(try canonical(once) == once)
            }
        }
    }

    @Test("a point without place has the one NaN")
    func emptyPoint() throws {
        var builder = WKBBuilder()
        builder.header(1)
        builder.ordinate(0xFFF8_0000_0000_0000)
        builder.ordinate(0x7FF8_0000_0000_0001)
        #expect(!builder.bytes.withUnsafeBytes(WKB.isCanonical))
        let bytes = try canonical(builder.bytes)
        #expect(bytes.withUnsafeBytes(WKB.isCanonical))
        #expect(bytes.withUnsafeBytes(WKB.isEmpty))
        #expect(bytes.withUnsafeBytes(WKB.envelope) == nil)
        #expect(bytes.withUnsafeBytes { WKB.wkt($0, maxCharacters: 20) } == "POINT EMPTY")
        #expect(!WKB.equal(bytes, point(0, 0), tolerance: 1))
    }

    @Test("what the formats do not allow is refused for its reason")
    func reasons() {
        #expect(reason([]) == .truncated)
        #expect(reason([2, 1, 0, 0, 0]) == .byteOrder(2))
        for code in [0, 13, 14, 18, 1000, 4001, 0x1000_0001] as [UInt32] {
            #expect(reason(line([], code: code)) == .type(code))
        }
        var builder = WKBBuilder()
        builder.header(2)
        builder.word(.max)
        #expect(reason(builder.bytes) == .count(.max))
        builder = WKBBuilder()
        builder.header(4)
        builder.word(1)
        #expect(reason(builder.bytes + line([1, 1, 2, 2])) == .member(2))
        builder = WKBBuilder(z: true)
        builder.header(7)
        builder.word(1)
        #expect(reason(builder.bytes + point(1, 2)) == .mixedDimensions)
        builder = WKBBuilder(extended: true)
        builder.header(7, srid: 1)
        builder.word(1)
        builder.header(1, srid: 2)
        builder.ordinates(1, 2)
        #expect(reason(builder.bytes) == .mixedSRID)
    }

    @Test("collections nest up to 32 deep")
    func nesting() {
        func nested(_ depth: Int) -> [UInt8] {
            var builder = WKBBuilder()
            for _ in 1..<depth {
                builder.header(7)
                builder.word(1)
            }
            return builder.bytes + line([])
        }
        #expect(reason(nested(32)) == nil)
        #expect(nested(32).withUnsafeBytes(WKB.isEmpty))
        #expect(reason(nested(33)) == .tooDeep)
        #expect(reason(nested(100_000)) == .tooDeep)
    }

    @Test("text is cut to the limit")
    func textLimit() {
        let bytes = line([0, 0.1, -1e300, 1e-7])
        let whole = "LINESTRING (0 0.1, -1e+300 1e-07)"
        for limit in 0...40 {
            let text = bytes.withUnsafeBytes { WKB.wkt($0, maxCharacters: limit) }
            #expect(text.count <= limit)
            let cut = limit == 0 ? "" : whole.prefix(limit - 1) + "…"
            #expect(text == (limit >= whole.count ? whole : cut))
        }
    }

    @Test("curves tag only the members that need it")
    func curveText() {
        var builder = WKBBuilder()
        builder.header(9)
        builder.word(2)
        let bytes = builder.bytes + line([0, 0, 1, 1]) + line([1, 1, 2, 2, 3, 1], code: 8)
        #expect(
            bytes.withUnsafeBytes { WKB.wkt($0, maxCharacters: 200) }
                == "COMPOUNDCURVE ((0 0, 1 1), CIRCULARSTRING (1 1, 2 2, 3 1))")
    }

    @Test("a tolerance forgives ordinates, never structure")
    func tolerance() {
        let bytes = line([0, 0, 1, 1])
        #expect(WKB.equal(bytes, line([0, 0.25, 1, 0.75]), tolerance: 0.25))
        #expect(!WKB.equal(bytes, line([0, 0.25, 1, 0.5]), tolerance: 0.25))
        #expect(!WKB.equal(bytes, line([0, 0, 1, 1], code: 8), tolerance: 10))
        #expect(!WKB.equal(bytes, line([0, 0]), tolerance: 10))
        #expect(!WKB.equal(bytes, line([0, 0, 1, .nan]), tolerance: 10))
        #expect(WKB.equal(line([.infinity, 0]), line([.infinity, -0.0]), tolerance: 0))
        #expect(!WKB.equal(line([.infinity, 0]), line([-.infinity, 0]), tolerance: 10))
    }

    @Test("the envelope holds all points and passes over NaN")
    func envelope() {
        let bytes = line([3, -4, .nan, 100, -1, 7])
        #expect(bytes.withUnsafeBytes(WKB.envelope) == Envelope(minX: -1, maxX: 3, minY: -4, maxY: 7))
        #expect(line([]).withUnsafeBytes(WKB.envelope) == nil)
    }

    @Test("a GeoPackage blob gives back what went in")
    func geoPackage() throws {
        var generator = ValueGenerator(seed: 33)
        for _ in 0..<500 {
            let value = try geometry(generator.wkb(), srid: 31467)
            let blob = GeoPackageGeometry.encode(value)
            let isEmpty = value.wkb.withUnsafeBytes(WKB.isEmpty)
            #expect((blob[3] & 0x10 != 0) == isEmpty)
            let back = try blob.withUnsafeBytes { bytes in
                let (srid, wkb) = try GeoPackageGeometry.decode(bytes)
                return Geometry(srid: srid, canonicalWKB: Array(wkb))
            }
            #expect(back == value)
            for end in 0..<min(blob.count, 60) {
                _ = blob[..<end].withUnsafeBytes { try? GeoPackageGeometry.decode($0).srid }
            }
        }
    }

    @Test("GeoPackage headers of every kind are read, and the rest refused")
    func geoPackageHeaders() throws {
        for (flags, size) in [(0, 0), (2, 32), (4, 48), (6, 48), (8, 64)] as [(UInt8, Int)] {
            let header = Array("GP".utf8) + [0, flags, 0, 0, 0x10, 0xE6]
            let blob = header + [UInt8](repeating: 9, count: size) + [1, 2]
            let (srid, rest) = try blob.withUnsafeBytes { bytes in
                let (srid, wkb) = try GeoPackageGeometry.decode(bytes)
                return (srid, Array(wkb))
            }
            #expect(srid == 4326)
            #expect(rest == [1, 2])
            #expect(throws: WKBError.self) {
                try blob[..<(7 + size)].withUnsafeBytes { try GeoPackageGeometry.decode($0).srid }
            }
        }
        for header in [
            Array("GP".utf8) + [1, 1], Array("GQ".utf8) + [0, 1], Array("GP".utf8) + [0, 0x21],
            Array("GP".utf8) + [0, 11],
        ] {
            let blob = header + [UInt8](repeating: 0, count: 100)
            #expect(throws: WKBError.self) {
                try blob.withUnsafeBytes { try GeoPackageGeometry.decode($0).srid }
            }
        }
    }

    @Test("points and lines keep their envelope flags")
    func geoPackageFlags() throws {
        let blob = GeoPackageGeometry.encode(try geometry(point(1, 2)))
        #expect(blob.prefix(4).elementsEqual([0x47, 0x50, 0, 1]))
        #expect(GeoPackageGeometry.encode(try geometry(line([1, 2, 3, 4])))[3] == 3)
        #expect(GeoPackageGeometry.encode(try geometry(line([])))[3] == 0x11)
    }
}
