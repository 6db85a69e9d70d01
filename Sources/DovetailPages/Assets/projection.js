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
     * Degrees are drawn so that shapes look right in the middle of the map. The world is cut open where the widest gap
     * is, so that what lies on both sides of the antimeridian stays together.
     */
    static layOut(plane) {
        const paths = plane.features.flatMap((feature) => feature.parts.flatMap((part) =>
            part.shape === 0 ? Shapes.singles(part) : part.paths));
        const spans = paths.map((path) => Shapes.span(path, 0));
        plane.cut = Shapes.cut(spans);
        let [south, north] = [Infinity, -Infinity];
        paths.forEach((path, index) => {
            const shift = Shapes.turn((spans[index][0] + spans[index][1]) / 2, plane.cut);
            if (shift) for (let i = 0; i < path.length; i += 2) path[i] += shift;
            const [bottom, top] = Shapes.span(path, 1);
            [south, north] = [Math.min(south, bottom), Math.max(north, top)];
        });
        plane.stretch = Math.max(.2, Math.cos((Math.max(-80, south) + Math.min(80, north)) / 2 * Math.PI / 180));
    }

    /** What brings a longitude into the 360 degrees that begin at the cut. */
    static turn(longitude, cut) { return -360 * Math.floor((longitude - cut) / 360); }

    /** Where the widest gap between longitudes is; the antimeridian, unless another place is clearly better. */
    static cut(spans) {
        const turned = spans.map(([low, high]) => {
            const shift = Shapes.turn(low, -180);
            return [low + shift, high + shift];
        }).sort((a, b) => a[0] - b[0]);
        if (!turned.length) return -180;
        // What goes beyond 180° covers the beginning as well.
        let reach = Math.max(-180, ...Shapes.ends(turned));
        let [cut, widest] = [-180, Math.max(0, turned[0][0] - reach) + Math.max(0, 180 - Shapes.reach(turned))];
        for (const [low, high] of turned) {
            if (low - reach > widest + 1e-9) [cut, widest] = [(reach + low) / 2, low - reach];
            reach = Math.max(reach, high);
        }
        return cut > 0 ? cut - 360 : cut;
    }

    static reach(spans) { return spans.reduce((most, [, high]) => Math.max(most, high), -180); }

    static ends(spans) {
        const beyond = Shapes.reach(spans);
        return beyond > 180 ? [beyond - 360] : [];
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
