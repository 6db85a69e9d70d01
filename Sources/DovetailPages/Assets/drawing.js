"use strict";

/** How each geometry looks: one class for lines and areas, one sign for points, one entry of the legend. */
const Look = {
    /** Signs differ in form and not only in colour. */
    signs: {
        plus: (x, y) => `M${x - 5} ${y}h10M${x} ${y - 5}v10`,
        cross: (x, y) => `M${x - 4} ${y - 4}l8 8m0 -8l-8 8`,
        ring: (x, y) => `M${x - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0`,
        dot: (x, y) => `M${x - 4.5} ${y}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0`,
        small: (x, y) => `M${x - 3} ${y}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0`,
        diamond: (x, y) => `M${x} ${y - 6}l6 6l-6 6l-6 -6z`,
        triangle: (x, y) => `M${x} ${y - 6}l6 10h-12z`,
    },

    /** `[sign, class of the sign, class of lines and areas, words]` */
    of(kind, role, labels) {
        if (role === "p") return ["small", "fill", "place", "in place, other fields"];
        switch (kind) {
            case "insert": return ["plus", "", "solid", "inserted"];
            case "delete": return ["cross", "", "was", "deleted"];
            case "onlyLeft": return ["cross", "", "solid", "only on " + labels[0]];
            case "onlyRight": return ["plus", "", "solid", "only on " + labels[1]];
            case "different": return role === "b" ? ["ring", "thin", "was", "on " + labels[0]] : ["dot", "fill", "solid", "on " + labels[1]];
            case "conflict":
                if (role === "o") return ["ring", "thin", "base", "base"];
                return role === "l" ? ["diamond", "fill", "solid", "on " + labels[0]] : ["triangle", "fill", "right", "on " + labels[1]];
            default: return role === "b" ? ["ring", "thin", "was", "before"] : ["dot", "fill", "solid", "after"];
        }
    },
};

/** Turns geometries into the paths of a picture of `width` by `height`, seen from `view`. */
class Drawing {
    constructor(view, width, height) {
        Object.assign(this, { view, width, height });
        this.paths = new Map();
    }

    x(x) { return (x - this.view.x) * this.view.scale + this.width / 2; }
    y(y) { return (y - this.view.y) * this.view.scale + this.height / 2; }

    /** A tenth of a pixel is enough. */
    static round(value) { return Math.round(value * 10) / 10; }

    sees(feature) {
        return this.x(feature.x1) > -20 && this.x(feature.x0) < this.width + 20
            && this.y(feature.y1) > -20 && this.y(feature.y0) < this.height + 20;
    }

    put(layer, text) {
        if (!this.paths.has(layer)) this.paths.set(layer, []);
        this.paths.get(layer).push(text);
    }

    /** What is too small to see as what it is gets the sign of a point. */
    isSmall(feature) {
        return (feature.x1 - feature.x0) * this.view.scale < 5 && (feature.y1 - feature.y0) * this.view.scale < 5;
    }

    draw(feature, [sign, signClass, lineClass]) {
        const kind = "k-" + feature.kind;
        const symbol = `${kind} sym ${signClass} ${sign}`;
        if (this.isSmall(feature)) {
            this.sign(symbol, sign, (feature.x0 + feature.x1) / 2, (feature.y0 + feature.y1) / 2);
            return;
        }
        for (const part of feature.parts) {
            if (part.shape === 0) {
                for (const path of part.paths) {
                    for (let i = 0; i < path.length; i += 2) this.sign(symbol, sign, path[i], path[i + 1]);
                }
            } else {
                const text = part.paths.map((path) => this.line(path, part.shape === 2)).join("");
                if (text) this.put(`${kind} ${lineClass}${part.shape === 1 ? " line" : ""}`, text);
            }
        }
    }

    sign(layer, sign, x, y) {
        const [px, py] = [Drawing.round(this.x(x)), Drawing.round(this.y(y))];
        if (px < -20 || py < -20 || px > this.width + 20 || py > this.height + 20) return;
        this.put(layer, Look.signs[sign](px, py));
    }

    /** A path, without the points that the eye would not miss. Far outside of the picture, ordinates are cut off. */
    line(path, isRing) {
        const far = 20_000;
        const clip = (value) => Math.max(-far, Math.min(far, Drawing.round(value)));
        let text = "";
        let [lastX, lastY] = [NaN, NaN];
        for (let i = 0; i < path.length; i += 2) {
            const [px, py] = [clip(this.x(path[i])), clip(this.y(path[i + 1]))];
            if (Math.abs(px - lastX) < .7 && Math.abs(py - lastY) < .7 && i < path.length - 2) continue;
            text += (text ? "L" : "M") + px + " " + py;
            [lastX, lastY] = [px, py];
        }
        return text + (isRing && text ? "Z" : "");
    }

    /** Coasts and borders, where the map is coarse enough for them. */
    land(plane) {
        if (typeof LAND === "undefined" || !plane.isDegrees || this.view.scale > 60) return "";
        plane.land ??= LAND.map((ring) => Drawing.placed(Shapes.decoded(ring, 10), plane)).flat();
        return plane.land.filter((feature) => this.sees(feature)).map(({ path }) => this.line(path, true)).join("");
    }

    /** A ring of land as the plane has it; twice where the map's cut goes through it. */
    static placed(path, plane) {
        const [low, high] = Shapes.span(path, 0);
        const shifts = new Set([Shapes.turn(low, plane.cut), Shapes.turn(high, plane.cut)]);
        return Array.from(shifts, (shift) => {
            const copy = path.map((value, i) => i % 2 ? -value : (value + shift) * plane.stretch);
            const [[x0, x1], [y0, y1]] = [Shapes.span(copy, 0), Shapes.span(copy, 1)];
            return { path: copy, x0, x1, y0, y1 };
        });
    }

    /** Where a moved point came from. */
    move(from, to) {
        const centre = ({ x0, x1, y0, y1 }) => [this.x((x0 + x1) / 2), this.y((y0 + y1) / 2)];
        const [[ax, ay], [bx, by]] = [centre(from), centre(to)];
        if (Math.hypot(bx - ax, by - ay) < 8 || Math.max(Math.abs(ax), Math.abs(ay), Math.abs(bx), Math.abs(by)) > 20_000) return;
        this.put("move", `M${Drawing.round(ax)} ${Drawing.round(ay)}L${Drawing.round(bx)} ${Drawing.round(by)}`);
    }

    /** Lines of the grid with their labels: `[position, text]` for both directions. */
    grid(plane) {
        const step = (span) => {
            const rough = span * 110 / this.view.scale;
            const power = 10 ** Math.floor(Math.log10(rough));
            const nice = plane.isDegrees && rough > 10 ? [15, 30, 45, 90].find((each) => each >= rough) ?? 90 : null;
            return nice ?? power * ([1, 2, 5, 10].find((each) => power * each >= rough) ?? 10);
        };
        const lines = (centre, size, stretch, name) => {
            const by = step(1 / stretch);
            const half = size / 2 / this.view.scale;
            const [from, to] = [(centre - half) / stretch, (centre + half) / stretch];
            const found = [];
            for (let n = Math.ceil(from / by); n * by <= to && found.length < 40; n++) {
                found.push([(n * by * stretch - centre) * this.view.scale + size / 2, name(n * by, by)]);
            }
            return found;
        };
        const digits = (by) => Math.max(0, Math.min(9, -Math.floor(Math.log10(by) + 1e-9)));
        const degrees = (value, by, [plus, minus]) => {
            const text = Math.abs(value).toFixed(digits(by)) + "°";
            return Math.abs(value) < by / 1e6 ? "0°" : text + (value > 0 ? plus : minus);
        };
        const plain = (value, by) => value.toLocaleString("en", { maximumFractionDigits: digits(by) });
        const isDegrees = plane.isDegrees;
        return {
            across: lines(this.view.x, this.width, plane.stretch, (value, by) =>
                isDegrees ? degrees(((value + 180) % 360 + 360) % 360 - 180, by, ["E", "W"]) : plain(value, by)),
            down: lines(this.view.y, this.height, 1, (value, by) =>
                isDegrees ? (value < -90 || value > 90 ? "" : degrees(-value, by, ["N", "S"])) : plain(-value, by)),
        };
    }
}
