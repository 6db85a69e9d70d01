import Dovetail
import Foundation
import Testing

/// Every type of well-known binary becomes points, lines and areas.
@Suite struct OutlineTests {
    /// Well-known binary, written by hand.
    private struct Bytes {
        var bytes: [UInt8]

        init(_ type: UInt32) { bytes = [1] + Self.word(type) }

        private static func word(_ value: UInt32) -> [UInt8] {
            withUnsafeBytes(of: value.littleEndian, Array.init)
        }

        func count(_ count: Int) -> Bytes { with(Self.word(UInt32(count))) }

        func points(_ ordinates: Double...) -> Bytes {
            with(ordinates.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) })
        }

        func part(_ part: Bytes) -> Bytes { with(part.bytes) }

        private func with(_ more: [UInt8]) -> Bytes {
            var copy = self
            copy.bytes += more
            return copy
        }

        var outline: Outline { Geometry(srid: 0, canonicalWKB: bytes).outline() }
    }

    private func words(_ outline: Outline) -> [String] {
        outline.parts.map { part in
            "\(part.shape) "
                + part.paths.map { $0.map { "\($0.x) \($0.y)" }.joined(separator: ", ") }.joined(
                    separator: "; ")
        }
    }

    private static let square = Bytes(3).count(1).count(4).points(0, 0, 1, 0, 1, 1, 0, 0)
    private static let line = Bytes(2).count(2).points(0, 0, 2, 2)

    @Test func pointsWithAnyDimensions() {
        #expect(words(Bytes(1).points(1, 2).outline) == ["points 1.0 2.0"])
        #expect(words(Bytes(1001).points(1, 2, 3).outline) == ["points 1.0 2.0"])
        #expect(words(Bytes(2001).points(1, 2, 3).outline) == ["points 1.0 2.0"])
        #expect(words(Bytes(3001).points(1, 2, 3, 4).outline) == ["points 1.0 2.0"])
        #expect(words(Bytes(1).points(.nan, .nan).outline).isEmpty)
    }

    @Test func linesAndAreas() {
        #expect(words(Self.line.outline) == ["line 0.0 0.0, 2.0 2.0"])
        let holed = Bytes(3).count(2).count(4).points(0, 0, 9, 0, 9, 9, 0, 0).count(4).points(
            5, 2, 6, 2, 6, 3, 5, 2)
        #expect(
            words(holed.outline) == [
                "area 0.0 0.0, 9.0 0.0, 9.0 9.0, 0.0 0.0; 5.0 2.0, 6.0 2.0, 6.0 3.0, 5.0 2.0"
            ])
        #expect(
            words(Bytes(17).count(1).count(4).points(0, 0, 1, 0, 1, 1, 0, 0).outline)
                == words(Self.square.outline))
    }

    @Test func manyInOne() {
        let two = Bytes(4).count(2).part(Bytes(1).points(1, 2)).part(Bytes(1).points(3, 4))
        #expect(words(two.outline) == ["points 1.0 2.0", "points 3.0 4.0"])
        #expect(words(Bytes(5).count(2).part(Self.line).part(Self.line).outline).count == 2)
        let square = words(Self.square.outline)
        for type in [6, 15] as [UInt32] {
            #expect(
                words(Bytes(type).count(2).part(Self.square).part(Self.square).outline) == square + square)
        }
        let triangle = Bytes(17).count(1).count(4).points(0, 0, 1, 0, 1, 1, 0, 0)
        #expect(words(Bytes(16).count(1).part(triangle).outline) == square)
    }

    @Test func collectionsInsideEachOther() {
        let inner = Bytes(7).count(2).part(Self.square).part(Bytes(7).count(0))
        let outer = Bytes(7).count(3).part(inner).part(Bytes(2).count(0)).part(Bytes(1).points(7, 7))
        #expect(words(outer.outline) == words(Self.square.outline) + ["points 7.0 7.0"])
    }

    @Test func arcsBend() throws {
        let half = Bytes(8).count(3).points(-1, 0, 0, 1, 1, 0)
        let path = try #require(half.outline.parts.first?.paths.first)
        #expect(path.count > 20)
        #expect(path.first == Outline.Point(x: -1, y: 0) && path.last == Outline.Point(x: 1, y: 0))
        #expect(path.allSatisfy { abs(hypot($0.x, $0.y) - 1) < 1e-9 && $0.y > -1e-9 })
        let straight = Bytes(8).count(3).points(0, 0, 1, 1, 2, 2)
        #expect(words(straight.outline) == ["line 0.0 0.0, 1.0 1.0, 2.0 2.0"])
        let circle = try #require(
            Bytes(8).count(3).points(1, 0, -1, 0, 1, 0).outline.parts.first?.paths.first)
        #expect(circle.count > 40)
        #expect(circle.allSatisfy { abs(hypot($0.x, $0.y) - 1) < 1e-9 })
    }

    @Test func curvesAreJoined() throws {
        let arc = Bytes(8).count(3).points(2, 2, 3, 3, 4, 2)
        let compound = Bytes(9).count(2).part(Self.line).part(arc)
        let path = try #require(compound.outline.parts.first?.paths.first)
        #expect(compound.outline.parts.count == 1)
        #expect(path[0] == Outline.Point(x: 0, y: 0) && path.last == Outline.Point(x: 4, y: 2))
        #expect(path.filter { $0 == Outline.Point(x: 2, y: 2) }.count == 1)
        #expect(Bytes(11).count(2).part(compound).part(Self.line).outline.parts.count == 2)
    }

    @Test func curvePolygonsAreAreas() {
        let ring = Bytes(8).count(3).points(9, 0, -9, 0, 9, 0)
        let hole = Bytes(9).count(1).part(Bytes(2).count(4).points(0, 0, 1, 0, 1, 1, 0, 0))
        let polygon = Bytes(10).count(2).part(ring).part(hole)
        let outline = Bytes(12).count(2).part(polygon).part(Self.square).outline
        #expect(outline.parts.map(\.shape) == [.area, .area])
        #expect(outline.parts.map(\.paths.count) == [2, 1])
    }

    @Test func longPathsAreThinned() {
        let count = 10_000
        var long = Bytes(2).count(count)
        for index in 0..<count { long = long.points(Double(index), 0) }
        let outline = Geometry(srid: 0, canonicalWKB: long.bytes).outline(pathLimit: 100)
        #expect(outline.isThinned)
        #expect(outline.pointCount <= 102)
        #expect(outline.parts[0].paths[0].last?.x == Double(count - 1))
    }

    @Test func bytesThatAreNoneAreEmpty() {
        #expect(Geometry(srid: 0, canonicalWKB: [1, 1, 0]).outline() == Outline(parts: []))
    }
}
