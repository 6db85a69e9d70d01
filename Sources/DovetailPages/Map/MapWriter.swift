import Dovetail

/// Writes the geometries of a page's lines for the page's script to draw.
///
/// A line is `[line, plane, [role, [shape, path, …], …], …]`; a path is whole numbers, the first pair a place and each
/// following one the step to the next, in units of the plane's ``MapPlane/scale``.
struct MapWriter {
    /// Points that a geometry may have, when many have to share and when few do.
    private static let points = 48...1_200

    private(set) var planes: [MapPlane] = []
    /// Geometries with no place on a map: empty ones, and such with ordinates that no plane has.
    private(set) var undrawn = 0
    private(set) var hasShapes = false
    private var pointsLeft: Int

    init(points: Int) { pointsLeft = points }

    /// The geometries of one line; nil when there is none to draw.
    mutating func line(_ number: Int, _ shapes: [MapShape], linesLeft: Int) -> String? {
        guard !shapes.isEmpty else { return nil }
        let share = pointsLeft / max(1, linesLeft) / shapes.count
        let limit = min(max(share, Self.points.lowerBound), Self.points.upperBound)
        var byPlane: [(plane: Int, text: String)] = []
        let placed = shapes.map { (shape: $0, place: MapPlane.place($0.geometry)) }
        for (index, (shape, place)) in placed.enumerated() {
            guard let (plane, outline) = place else {
                undrawn += 1
                continue
            }
            let isLarge = outline.pointCount > limit
            let others = isLarge ? points(of: placed, but: index) : []
            let drawn = outline.simplified(to: limit, against: others)
            pointsLeft -= drawn.pointCount
            let text = ",[\"\(shape.role.rawValue)\"\(Self.text(drawn, plane))]"
            let number = self.number(of: plane)
            if let place = byPlane.firstIndex(where: { $0.plane == number }) {
                byPlane[place].text += text
            } else {
                byPlane.append((number, text))
            }
        }
        guard !byPlane.isEmpty else { return nil }
        hasShapes = true
        return byPlane.map { "[\(number),\($0.plane)\($0.text)]" }.joined(separator: ",\n")
    }

    private mutating func number(of plane: MapPlane) -> Int {
        if let known = planes.firstIndex(of: plane) { return known }
        planes.append(plane)
        return planes.count - 1
    }

    private func points(
        of placed: [(shape: MapShape, place: (plane: MapPlane, outline: Outline)?)], but index: Int
    ) -> Set<Outline.Point> {
        var points: Set<Outline.Point> = []
        for (other, placed) in placed.enumerated() where other != index {
            for part in placed.place?.outline.parts ?? [] {
                for path in part.paths { points.formUnion(path) }
            }
        }
        return points
    }

    private static func text(_ outline: Outline, _ plane: MapPlane) -> String {
        var text = ""
        var points: [Outline.Point] = []
        for part in outline.parts {
            switch part.shape {
            case .points: points += part.paths.joined()
            case .line, .area:
                text += ",[\(part.shape == .line ? 1 : 2)"
                for path in part.paths { text += ",\(numbers(path, plane))" }
                text += "]"
            }
        }
        if !points.isEmpty { text += ",[0,\(numbers(points, plane))]" }
        return text
    }

    private static func numbers(_ path: [Outline.Point], _ plane: MapPlane) -> String {
        let scale = plane.scale
        var text = "["
        var last = (x: 0, y: 0)
        for (index, point) in path.enumerated() {
            let x = Int((point.x * scale).rounded())
            let y = Int((point.y * scale).rounded())
            if index > 0 { text += "," }
            text += "\(x - last.x),\(y - last.y)"
            last = (x, y)
        }
        return text + "]"
    }
}
