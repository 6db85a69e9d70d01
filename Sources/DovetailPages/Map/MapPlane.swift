import Dovetail

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A plane in which geometries can be drawn together.
///
/// Degrees of whatever datum go together: on a page nobody sees the metres between them. Other reference systems
/// stay apart, each a map of its own, because nothing here can bring them together.
struct MapPlane: Hashable, Encodable {
    var name: String
    var isDegrees: Bool

    /// Steps of a unit that are told apart: about a centimetre in degrees, and a millimetre in metres.
    var scale: Double { isDegrees ? 1e7 : name == Self.unknown ? 1e6 : 1e3 }

    private static let unknown = "No reference system"

    static let degrees = MapPlane(name: "Longitude and latitude", isDegrees: true)

    private enum CodingKeys: CodingKey { case name, isDegrees, scale }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(isDegrees, forKey: .isDegrees)
        try container.encode(scale, forKey: .scale)
    }

    /// The plane of a geometry, and its outline in it. Nil when there is nothing to draw: no point, or none that a map
    /// could show.
    static func place(_ geometry: Geometry) -> (plane: MapPlane, outline: Outline)? {
        var outline = geometry.outline()
        let bounds = outline.bounds
        guard let bounds, bounds.largest <= 1e12 else { return nil }
        let srid = geometry.srid
        if webMercator.contains(srid), abs(bounds.minY) < 6e7, abs(bounds.maxY) < 6e7 {
            outline.transform { x, y in
                (x / earthRadius * 180 / .pi, atan(sinh(y / earthRadius)) * 180 / .pi)
            }
            return (.degrees, outline.unwrapped)
        }
        guard isGeographic(srid) else {
            return (MapPlane(name: srid == 0 ? unknown : "EPSG:\(srid)", isDegrees: false), outline)
        }
        // Metres where degrees belong are shown as what they are, and don't squeeze everything else into one point.
        guard bounds.minX >= -360, bounds.maxX <= 540, bounds.minY >= -90, bounds.maxY <= 90 else {
            return (MapPlane(name: "EPSG:\(srid), beyond its degrees", isDegrees: false), outline)
        }
        return (.degrees, outline.unwrapped)
    }

    private static let earthRadius = 6_378_137.0
    private static let webMercator: Set<Int32> = [3857, 900_913, 3785, 102_100]

    /// EPSG numbers its geographic systems from 4001 on, with few others in between, and those hold metres.
    private static func isGeographic(_ srid: Int32) -> Bool {
        (4001...4999).contains(srid) || [3819, 3821, 3824, 3889, 3906, 6318, 7844, 8999].contains(srid)
    }
}

extension Outline {
    /// The rectangle around all points.
    var bounds: Envelope? {
        var found: Envelope?
        for part in parts {
            for path in part.paths {
                for point in path {
                    guard var bounds = found else {
                        found = Envelope(minX: point.x, maxX: point.x, minY: point.y, maxY: point.y)
                        continue
                    }
                    bounds.minX = min(bounds.minX, point.x)
                    bounds.maxX = max(bounds.maxX, point.x)
                    bounds.minY = min(bounds.minY, point.y)
                    bounds.maxY = max(bounds.maxY, point.y)
                    found = bounds
                }
            }
        }
        return found
    }

    mutating func transform(_ move: (Double, Double) -> (Double, Double)) {
        for part in parts.indices {
            for path in parts[part].paths.indices {
                for index in parts[part].paths[path].indices {
                    let point = parts[part].paths[path][index]
                    let (x, y) = move(point.x, point.y)
                    parts[part].paths[path][index] = Point(x: x, y: y)
                }
            }
        }
    }

    /// Degrees, with lines that cross the antimeridian going on beyond 180° instead of around the world. A step of
    /// just 360° is an edge of the whole world and stays.
    var unwrapped: Outline {
        var copy = self
        for part in copy.parts.indices where copy.parts[part].shape != .points {
            for path in copy.parts[part].paths.indices {
                let points = copy.parts[part].paths[path]
                var shift = 0.0
                for index in points.indices.dropFirst() {
                    let step = points[index].x - points[index - 1].x
                    if abs(step) > 180, abs(step) < 359.999 { shift += step > 0 ? -360 : 360 }
                    copy.parts[part].paths[path][index].x += shift
                }
            }
        }
        return copy
    }
}

extension Envelope {
    /// The greatest ordinate, whichever sign it has.
    var largest: Double { max(abs(minX), abs(maxX), abs(minY), abs(maxY)) }
}
