#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Gathers what is to be drawn while well-known binary is read.
///
/// A walk tells where a geometry begins, not where it ends; so the collector counts the parts that each open geometry
/// still expects.
struct OutlineCollector: WKBVisitor {
    private let source: UnsafeRawBufferPointer
    private let pathLimit: Int
    private(set) var outline = Outline(parts: [])

    /// The geometries around the present one, and how many parts each still expects.
    private var open: [(kind: WKBKind, left: Int)] = []
    private var kind = WKBKind.point
    /// Rings that the present polygon still expects; nil before its count was read.
    private var ringsLeft: Int?
    /// The rings of the present polygon or curve polygon.
    private var rings: [[Outline.Point]] = []
    /// What the present compound curve has so far.
    private var joined: [Outline.Point] = []

    init(source: UnsafeRawBufferPointer, pathLimit: Int) {
        self.source = source
        self.pathLimit = pathLimit
    }

    mutating func header(_ header: WKBHeader, at bytes: Range<Int>) throws(WKBError) {
        kind = header.kind
        ringsLeft = nil
    }

    mutating func count(_ count: Int, at bytes: Range<Int>) throws(WKBError) {
        switch kind.content {
        case .geometries:
            if count == 0 { return closeOne() }
            open.append((kind, count))
        case .rings where ringsLeft == nil:
            ringsLeft = count
            if count == 0 { closeOne() }
        case .rings, .points, .point: break
        }
    }

    mutating func points(_ bytes: Range<Int>, of header: WKBHeader) throws(WKBError) {
        var path = read(bytes, header)
        switch kind.content {
        case .point:
            if !path.isEmpty { outline.parts.append(Outline.Part(shape: .points, paths: [path])) }
            closeOne()
        case .rings:
            if !path.isEmpty { rings.append(path) }
            let left = (ringsLeft ?? 1) - 1
            ringsLeft = left
            if left == 0 {
                emitArea()
                closeOne()
            }
        case .points, .geometries:
            if kind == .circularString { path = Arc.line(through: path) }
            add(line: path)
            closeOne()
        }
    }

    /// A line stands for itself, is a ring of a curve polygon, or goes on in a compound curve.
    private mutating func add(line path: [Outline.Point]) {
        switch open.last?.kind {
        case .compoundCurve?: joined += joined.last == path.first ? path.dropFirst() : path[...]
        case .curvePolygon?: rings.append(path)
        default:
            if !path.isEmpty { outline.parts.append(Outline.Part(shape: .line, paths: [path])) }
        }
    }

    /// The present geometry is complete, and with it perhaps those around it.
    private mutating func closeOne() {
        while var parent = open.popLast() {
            parent.left -= 1
            if parent.left > 0 { return open.append(parent) }
            switch parent.kind {
            case .compoundCurve:
                let path = joined
                joined = []
                add(line: path)
            case .curvePolygon: emitArea()
            default: break
            }
        }
    }

    private mutating func emitArea() {
        let paths = rings.filter { !$0.isEmpty }
        rings = []
        if !paths.isEmpty { outline.parts.append(Outline.Part(shape: .area, paths: paths)) }
    }

    private mutating func read(_ bytes: Range<Int>, _ header: WKBHeader) -> [Outline.Point] {
        let count = bytes.count / header.pointSize
        // An arc needs its three points; a circular string with too many is left as it is.
        let step = header.kind == .circularString ? 1 : max(1, (count + pathLimit - 1) / pathLimit)
        if step > 1 { outline.isThinned = true }
        var path: [Outline.Point] = []
        path.reserveCapacity(count / step + 1)
        func take(_ index: Int) {
            let offset = bytes.lowerBound + index * header.pointSize
            let x = WKBReader.ordinate(source, at: offset, header)
            let y = WKBReader.ordinate(source, at: offset + 8, header)
            if x.isFinite, y.isFinite { path.append(Outline.Point(x: x, y: y)) }
        }
        for index in stride(from: 0, to: count, by: step) { take(index) }
        // The last point closes a ring.
        if step > 1, (count - 1) % step != 0 { take(count - 1) }
        return path
    }
}

/// Arcs as short straight lines.
private enum Arc {
    /// The line through the arcs of a circular string: points 1–3 are one arc, 3–5 the next, and so on.
    static func line(through path: [Outline.Point]) -> [Outline.Point] {
        guard path.count >= 3 else { return path }
        var line = [path[0]]
        for start in stride(from: 0, to: path.count - 2, by: 2) {
            append(path[start], path[start + 1], path[start + 2], to: &line)
        }
        return line
    }

    private static func append(
        _ a: Outline.Point, _ b: Outline.Point, _ c: Outline.Point, to line: inout [Outline.Point]
    ) {
        guard let centre = centre(a, b, c) else { return line += [b, c] }
        let radius = hypot(a.x - centre.x, a.y - centre.y)
        let start = atan2(a.y - centre.y, a.x - centre.x)
        var sweep = 2 * Double.pi
        if a != c {
            let turn = 2 * Double.pi
            func ahead(_ p: Outline.Point) -> Double {
                let angle = (atan2(p.y - centre.y, p.x - centre.x) - start).truncatingRemainder(
                    dividingBy: turn)
                return angle < 0 ? angle + turn : angle
            }
            // The arc goes the way on which its middle point lies.
            sweep = ahead(b) <= ahead(c) ? ahead(c) : ahead(c) - turn
        }
        let steps = max(2, Int((abs(sweep) / (Double.pi / 32)).rounded(.up)))
        for step in 1..<steps {
            let angle = start + sweep * Double(step) / Double(steps)
            line.append(Outline.Point(x: centre.x + radius * cos(angle), y: centre.y + radius * sin(angle)))
        }
        line.append(c)
    }

    /// The centre of the circle through three points; nil when they lie on a line.
    private static func centre(_ a: Outline.Point, _ b: Outline.Point, _ c: Outline.Point) -> Outline.Point? {
        // A full circle is written with its first point again at the end, and opposite to it the middle one.
        if a == c { return a == b ? nil : Outline.Point(x: (a.x + b.x) / 2, y: (a.y + b.y) / 2) }
        let (bx, by, cx, cy) = (b.x - a.x, b.y - a.y, c.x - a.x, c.y - a.y)
        let cross = 2 * (bx * cy - by * cx)
        let size = max(abs(bx), abs(by), abs(cx), abs(cy))
        guard abs(cross) > 1e-12 * size * size, size.isFinite else { return nil }
        let (b2, c2) = (bx * bx + by * by, cx * cx + cy * cy)
        let centre = Outline.Point(
            x: a.x + (cy * b2 - by * c2) / cross, y: a.y + (bx * c2 - cx * b2) / cross)
        return centre.x.isFinite && centre.y.isFinite ? centre : nil
    }
}
