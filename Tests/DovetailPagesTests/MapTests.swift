import Dovetail
import Foundation
import Testing

@testable import DovetailPages

/// Geometries become lines for the page's script, whatever they are.
@Suite struct MapTests {
    private func line(_ geometry: Geometry, points: Int = 400_000) -> (text: String?, writer: MapWriter) {
        var writer = MapWriter(points: points)
        let text = writer.line(3, [MapShape(role: .after, geometry: geometry)], linesLeft: 1)
        return (text, writer)
    }

    @Test func aPointIsAPlaceInSteps() {
        let (text, writer) = line(Shape.point(10.5, 56.25))
        #expect(text == "[3,0,[\"a\",[0,[105000000,562500000]]]]")
        #expect(writer.planes == [.degrees])
    }

    @Test func ringsAreStepsFromPointToPoint() {
        let (text, _) = line(Shape.polygon([[(0, 0), (1, 0), (1, 1), (0, 0)]], srid: 25832))
        #expect(text == "[3,0,[\"a\",[2,[0,0,1000,0,0,1000,-1000,-1000]]]]")
    }

    @Test func degreesGoTogetherAndOtherPlanesStayApart() {
        var writer = MapWriter(points: 1_000)
        for geometry in [
            Shape.point(9, 55), Shape.point(9, 55, srid: 4258), Shape.point(1_000_000, 7_500_000, srid: 3857),
            Shape.point(550_000, 6_200_000, srid: 25832), Shape.point(1, 1, srid: 0),
            Shape.point(550_000, 6_200_000, srid: 4326),
        ] { _ = writer.line(0, [MapShape(role: .place, geometry: geometry)], linesLeft: 1) }
        #expect(
            writer.planes.map(\.name) == [
                "Longitude and latitude", "EPSG:25832", "No reference system",
                "EPSG:4326, beyond its degrees",
            ])
    }

    @Test func webMercatorBecomesDegrees() throws {
        let (_, outline) = try #require(MapPlane.place(Shape.point(1_113_194.908, 7_361_866.113, srid: 3857)))
        let point = try #require(outline.parts.first?.paths.first?.first)
        #expect(abs(point.x - 10) < 1e-6)
        #expect(abs(point.y - 55) < 1e-6)
    }

    @Test func linesGoOnBeyondTheAntimeridian() throws {
        let (_, outline) = try #require(MapPlane.place(Shape.line([(178, 0), (-178, 1), (-176, 2)])))
        #expect(outline.parts.first?.paths.first?.map(\.x) == [178, 182, 184])
        let world = Shape.polygon([[(-180, -90), (180, -90), (180, 90), (-180, 90), (-180, -90)]])
        let (_, whole) = try #require(MapPlane.place(world))
        #expect(whole.bounds.map { $0.maxX - $0.minX } == 360)
    }

    @Test func whatHasNoPlaceIsCounted() {
        for geometry in [
            Shape.point(.nan, .nan), Shape.line([]), Shape.polygon([]), Shape.point(1e300, 1e300, srid: 0),
            Shape.point(.infinity, 0), Geometry(srid: 0, canonicalWKB: [1, 2, 3]),
        ] {
            let (text, writer) = line(geometry)
            #expect(text == nil)
            #expect(writer.undrawn == 1)
        }
    }

    @Test func hugeGeometriesAreMadeSimpler() throws {
        let circle = Shape.circle(10, 55, 1, points: 300_000)
        let (text, _) = line(circle)
        #expect(try #require(text).utf8.count < 40_000)
        let (_, outline) = try #require(MapPlane.place(circle))
        let simple = outline.simplified(to: 500, against: [])
        #expect(simple.pointCount <= 500)
        let (was, now) = (try #require(outline.bounds), try #require(simple.bounds))
        #expect(abs(was.minX - now.minX) < 0.02 && abs(was.maxY - now.maxY) < 0.02)
    }

    @Test func whatChangedSurvivesSimplification() throws {
        let before = Shape.circle(10, 55, 1, points: 5_000)
        var ring = try #require(before.outline().parts.first?.paths.first)
        // Of five thousand points one moves, by less than the simplification would notice.
        ring[1_234].x += 0.000_01
        let after = Outline(parts: [Outline.Part(shape: .area, paths: [ring])])
        let others = Set(try #require(before.outline().parts.first?.paths.first))
        #expect(after.simplified(to: 500, against: others).parts[0].paths[0].contains(ring[1_234]))
        #expect(!after.simplified(to: 500, against: []).parts[0].paths[0].contains(ring[1_234]))
    }

    @Test func manySmallPartsAreThinnedOut() {
        let many = Shape.geometry(6) { wkb in
            wkb.count(20_000)
            for index in 0..<20_000 {
                let (x, y) = (Double(index % 200) / 10, Double(index / 200) / 10)
                wkb.part(3) {
                    $0.count(1)
                    $0.count(4)
                    $0.ordinates([(x, y), (x + 0.05, y), (x, y + 0.05), (x, y)])
                }
            }
        }
        let outline = many.outline()
        #expect(outline.parts.count == 20_000)
        #expect(outline.simplified(to: 600, against: []).pointCount <= 600)
    }

    @Test func pointsThatManyShareStayWithinTheirNumber() {
        var writer = MapWriter(points: 10_000)
        var bytes = 0
        for number in 0..<500 {
            let text = writer.line(
                number, [MapShape(role: .after, geometry: Shape.circle(10, 55, 1, points: 2_000))],
                linesLeft: 500 - number)
            bytes += text?.utf8.count ?? 0
        }
        #expect(bytes < 500 * 48 * 25)
    }
}
