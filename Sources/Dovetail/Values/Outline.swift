/// A geometry as something to draw: X and Y only, arcs as short lines, points that are nowhere left out.
///
/// ```swift
/// for part in geometry.outline().parts { draw(part.shape, part.paths) }
/// ```
/// It keeps which points were there, not which type of geometry held them: a surface of patches is a number of areas.
public struct Outline: Sendable, Hashable {
    /// A place in the plane of the geometry's spatial reference system.
    public struct Point: Sendable, Hashable {
        public var x: Double
        public var y: Double

        public init(x: Double, y: Double) {
            self.x = x
            self.y = y
        }
    }

    public enum Shape: Sendable, Hashable {
        /// Each path is one point.
        case points
        /// Each path is a line.
        case line
        /// The paths are rings: what lies within an odd number of them is inside.
        case area
    }

    public struct Part: Sendable, Hashable {
        public var shape: Shape
        public var paths: [[Point]]

        public init(shape: Shape, paths: [[Point]]) {
            self.shape = shape
            self.paths = paths
        }
    }

    public var parts: [Part]
    /// Some points were passed over, because a path had too many.
    public var isThinned: Bool

    public init(parts: [Part], isThinned: Bool = false) {
        self.parts = parts
        self.isThinned = isThinned
    }

    /// Number of points in all parts.
    public var pointCount: Int { parts.reduce(0) { $0 + $1.paths.reduce(0) { $0 + $1.count } } }
}

extension Geometry {
    /// What to draw of this geometry; empty for bytes that are not well-known binary.
    /// - Parameter pathLimit: Of a path with more points than this, evenly spread ones are taken, so that a drawing
    ///   never takes much more memory than the geometry itself.
    public func outline(pathLimit: Int = 50_000) -> Outline {
        wkb.withUnsafeBytes { bytes in
            var collector = OutlineCollector(source: bytes, pathLimit: max(pathLimit, 4))
            var reader = WKBReader(bytes)
            guard (try? reader.walk(&collector)) != nil else { return Outline(parts: []) }
            return collector.outline
        }
    }
}
