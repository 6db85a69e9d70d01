import Dovetail

extension Outline {
    /// An outline with at most about `limit` points, which still looks the same where it is drawn small.
    /// - Parameter others: The same record's geometry before or after. Points that only one of them has are the change,
    ///   and stay as long as there is room.
    func simplified(to limit: Int, against others: Set<Point>) -> Outline {
        guard pointCount > limit, let bounds else { return self }
        let size = max(bounds.maxX - bounds.minX, bounds.maxY - bounds.minY)
        guard size > 0 else {
            return Outline(parts: [Part(shape: .points, paths: [firstPoint])], isThinned: true)
        }
        // A geometry that was moved as a whole has no point that stayed.
        let kept = simplified(size, keeping: others).pointCount <= limit / 2 ? others : []
        var tolerance = size / 2_000
        for _ in 0..<12 {
            let copy = simplified(tolerance, keeping: kept)
            if copy.pointCount <= limit { return copy }
            tolerance *= 2
        }
        // Many small parts: no line can be made simpler, so some of them have to go.
        var copy = simplified(size, keeping: [])
        var count = 0
        copy.parts = copy.parts.filter { part in
            count += part.paths.reduce(0) { $0 + $1.count }
            return count <= limit
        }
        if copy.parts.isEmpty { copy.parts = [Part(shape: .points, paths: [firstPoint])] }
        return copy
    }

    private var firstPoint: [Point] { parts.first?.paths.first.map { Array($0.prefix(1)) } ?? [] }

    private func simplified(_ tolerance: Double, keeping others: Set<Point>) -> Outline {
        let parts = parts.map { part in
            part.shape == .points
                ? part
                : Part(shape: part.shape, paths: part.paths.map { Self.simplified($0, tolerance, others) })
        }
        return Outline(parts: parts, isThinned: true)
    }

    /// Douglas and Peucker: of each stretch the point farthest from its chord stays, if it is far enough.
    private static func simplified(_ path: [Point], _ tolerance: Double, _ others: Set<Point>) -> [Point] {
        guard path.count > 4 else { return path }
        var stays = [Bool](repeating: false, count: path.count)
        stays[0] = true
        stays[path.count - 1] = true
        // A ring has no chord between its ends.
        if path.first == path.last { stays[path.count / 2] = true }
        if !others.isEmpty {
            for index in path.indices where !others.contains(path[index]) {
                stays[index] = true
                if index > 0 { stays[index - 1] = true }
                if index + 1 < path.count { stays[index + 1] = true }
            }
        }
        var stretches: [(Int, Int)] = []
        var start = 0
        for index in path.indices.dropFirst() where stays[index] {
            stretches.append((start, index))
            start = index
        }
        let least = tolerance * tolerance
        while let (from, to) = stretches.popLast() {
            guard to - from > 1 else { continue }
            var farthest = (index: from, distance: least)
            for index in (from + 1)..<to {
                let distance = squaredDistance(path[index], path[from], path[to])
                if distance > farthest.distance { farthest = (index, distance) }
            }
            guard farthest.index > from else { continue }
            stays[farthest.index] = true
            stretches.append((from, farthest.index))
            stretches.append((farthest.index, to))
        }
        return path.indices.filter { stays[$0] }.map { path[$0] }
    }

    private static func squaredDistance(_ p: Point, _ a: Point, _ b: Point) -> Double {
        let (dx, dy) = (b.x - a.x, b.y - a.y)
        let length = dx * dx + dy * dy
        let t = length == 0 ? 0 : min(1, max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / length))
        let (x, y) = (p.x - a.x - t * dx, p.y - a.y - t * dy)
        return x * x + y * y
    }
}
