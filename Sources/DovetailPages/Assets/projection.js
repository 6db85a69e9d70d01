"use strict";

/** The geometries of the lines, brought into planes that can be drawn. */
class Shapes {
    /** @param data `[line, plane, [role, [shape, path, …], …], …]` for each line and plane */
    constructor(data, planes, kindOf) {
        this.planes = planes.map((plane) => ({ ...plane, features: [], stretch: 1 }));
        this.byLine = new Map();
        for (const [line, plane, ...shapes] of data) {
            for (const [role, ...parts] of shapes) this.add(line, kindOf(line), this.planes[plane], role, parts);
        }
        for (const plane of this.planes) if (plane.isDegrees) Shapes.layOut(plane);
        for (const plane of this.planes) for (const feature of plane.features) Shapes.finish(feature, plane);
    }

    add(line, kind, plane, role, parts) {
        const feature = { line, kind, plane, role, parts: parts.map(([shape, ...paths]) =>
            ({ shape, paths: paths.map((path) => Shapes.decoded(path, plane.scale)) })) };
        plane.features.push(feature);
        if (!this.byLine.has(line)) this.byLine.set(line, []);
        this.byLine.get(line).push(feature);
    }

    /** A path is a place and steps. */
    static decoded(path, scale) {
        const points = new Float64Array(path.length);
        let [x, y] = [0, 0];
        for (let i = 0; i < path.length; i += 2) {
            points[i] = (x += path[i]) / scale;
            points[i + 1] = (y += path[i + 1]) / scale;
        }
        return points;
    }

    /**
     * Degrees are drawn so that shapes look right in the middle of the map. What lies on both sides of the antimeridian
     * is drawn together, when that takes less room than around the world.
     */
    static layOut(plane) {
        const paths = plane.features.flatMap((feature) => feature.parts.flatMap((part) =>
            part.shape === 0 ? Shapes.singles(part) : part.paths));
        let [west, east, west360, east360, south, north] = [Infinity, -Infinity, Infinity, -Infinity, Infinity, -Infinity];
        for (const path of paths) {
            const [low, high] = Shapes.span(path, 0);
            const turn = low + high < 0 ? 360 : 0;
            [west, east] = [Math.min(west, low), Math.max(east, high)];
            [west360, east360] = [Math.min(west360, low + turn), Math.max(east360, high + turn)];
            const [bottom, top] = Shapes.span(path, 1);
            [south, north] = [Math.min(south, bottom), Math.max(north, top)];
        }
        if (east360 - west360 < east - west - 1e-9) {
            for (const path of paths) {
                const [low, high] = Shapes.span(path, 0);
                if (low + high < 0) for (let i = 0; i < path.length; i += 2) path[i] += 360;
            }
        }
        plane.stretch = Math.max(.2, Math.cos((Math.max(-80, south) + Math.min(80, north)) / 2 * Math.PI / 180));
    }

    /** Each point of a part as a path of its own, sharing memory with it. */
    static singles(part) {
        return part.paths.flatMap((path) =>
            Array.from({ length: path.length / 2 }, (_, i) => path.subarray(2 * i, 2 * i + 2)));
    }

    static span(path, from) {
        let [low, high] = [Infinity, -Infinity];
        for (let i = from; i < path.length; i += 2) {
            if (path[i] < low) low = path[i];
            if (path[i] > high) high = path[i];
        }
        return [low, high];
    }

    /** Into the plane of the drawing, where y goes down; with bounds, and rings that run the right way round. */
    static finish(feature, plane) {
        let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
        for (const part of feature.parts) {
            part.paths.forEach((path, index) => {
                for (let i = 0; i < path.length; i += 2) {
                    path[i] *= plane.stretch;
                    path[i + 1] = -path[i + 1];
                    if (path[i] < x0) x0 = path[i];
                    if (path[i] > x1) x1 = path[i];
                    if (path[i + 1] < y0) y0 = path[i + 1];
                    if (path[i + 1] > y1) y1 = path[i + 1];
                }
                // Many areas share one path of the drawing: where two of them overlap, that must not look like a hole.
                if (part.shape === 2 && (Shapes.area(path) > 0) !== (index === 0)) Shapes.reverse(path);
            });
        }
        Object.assign(feature, { x0, x1, y0, y1 });
    }

    static area(path) {
        let sum = 0;
        const [x, y] = [path[0], path[1]];
        for (let i = 0; i + 3 < path.length; i += 2) {
            sum += (path[i] - x) * (path[i + 3] - y) - (path[i + 2] - x) * (path[i + 1] - y);
        }
        return sum;
    }

    static reverse(path) {
        for (let [i, j] = [0, path.length - 2]; i < j; i += 2, j -= 2) {
            [path[i], path[j]] = [path[j], path[i]];
            [path[i + 1], path[j + 1]] = [path[j + 1], path[i + 1]];
        }
    }

    static bounds(features) {
        const all = { x0: Infinity, x1: -Infinity, y0: Infinity, y1: -Infinity };
        for (const { x0, x1, y0, y1 } of features) {
            all.x0 = Math.min(all.x0, x0);
            all.x1 = Math.max(all.x1, x1);
            all.y0 = Math.min(all.y0, y0);
            all.y1 = Math.max(all.y1, y1);
        }
        return all.x0 <= all.x1 ? all : null;
    }
}
