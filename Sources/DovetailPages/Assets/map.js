"use strict";

/** The map: what it shows, from where, and how hands and keys move it. */
class ChangeMap {
    constructor(shapes, labels, elements) {
        Object.assign(this, { shapes, labels, elements });
        this.plane = shapes.planes[0];
        this.when = "";
        this.isShown = null;
        this.chosen = -1;
        this.wasMoved = false;
        this.onChoose = () => {};
        this.name = () => "";
        this.pointers = new Map();
        this.tip = document.createElement("div");
        this.tip.className = "tip";
        this.tip.hidden = true;
        elements.svg.parentElement.append(this.tip);
    }

    get svg() { return this.elements.svg; }

    get size() {
        const { width, height } = this.svg.getBoundingClientRect();
        return { width: width || 600, height: height || 400 };
    }

    /** What the filter and the choice of before and after let through. */
    get features() {
        const sides = { b: "bpo", a: "aplr" }[this.when];
        return this.plane.features.filter((feature) =>
            (!this.isShown || this.isShown[feature.line]) && (!sides || sides.includes(feature.role)));
    }

    /** @param isShown for each line, whether the filter lets it through; null for all */
    filter(isShown) {
        this.isShown = isShown;
        if (this.wasMoved) this.draw();
        else this.fit();
    }

    fit(features = this.features, least = 0) {
        const bounds = Shapes.bounds(features) ?? Shapes.bounds(this.plane.features);
        if (!bounds) return;
        const { width, height } = this.size;
        // One place alone has no extent: some kilometres around it are shown.
        const smallest = Math.max(least, this.plane.isDegrees ? .04 : 400);
        const across = Math.max(bounds.x1 - bounds.x0, smallest);
        const down = Math.max(bounds.y1 - bounds.y0, smallest);
        this.view = {
            x: (bounds.x0 + bounds.x1) / 2, y: (bounds.y0 + bounds.y1) / 2,
            scale: Math.min((width - 70) / across, (height - 60) / down),
        };
        this.limits = this.limits ?? {};
        this.draw();
    }

    fitAll() {
        this.wasMoved = false;
        this.fit();
    }

    setPlane(index) {
        this.plane = this.shapes.planes[index];
        this.fitAll();
    }

    /** Goes to a line's geometries, with some of what is around them. */
    goTo(line) {
        const features = this.shapes.byLine.get(line);
        if (!features) return;
        this.chosen = line;
        if (!features.some((feature) => feature.plane === this.plane)) {
            this.plane = features[0].plane;
            this.elements.plane.value = this.shapes.planes.indexOf(this.plane);
        }
        const all = Shapes.bounds(this.plane.features);
        const around = Math.max(all.x1 - all.x0, all.y1 - all.y0) / 30;
        const { width, height } = this.size;
        this.fit(features.filter((feature) => feature.plane === this.plane), Math.min(around, width / height * around));
        this.view.scale *= .7;
        this.wasMoved = true;
        this.draw();
    }

    choose(line) {
        this.chosen = line;
        this.draw();
    }

    // Moving

    pan(dx, dy) {
        this.view.x -= dx / this.view.scale;
        this.view.y -= dy / this.view.scale;
        this.moved();
    }

    zoom(factor, x = this.size.width / 2, y = this.size.height / 2) {
        const { width, height } = this.size;
        const unit = this.plane.isDegrees ? 1 : 1e-5;
        // From the whole world, or more than a whole country in metres, to centimetres.
        const scale = Math.min(Math.max(this.view.scale * factor, .3 * unit), 5e7 * unit);
        const [dx, dy] = [x - width / 2, y - height / 2];
        this.view.x += dx / this.view.scale - dx / scale;
        this.view.y += dy / this.view.scale - dy / scale;
        this.view.scale = scale;
        this.moved();
    }

    moved() {
        this.wasMoved = true;
        this.tip.hidden = true;
        this.waiting ??= requestAnimationFrame(() => {
            this.waiting = null;
            this.draw();
        });
    }

    // Drawing

    draw() {
        const { width, height } = this.size;
        const drawing = new Drawing(this.view, width, height);
        const features = this.features.filter((feature) => drawing.sees(feature));
        const before = new Map();
        for (const feature of features) {
            drawing.draw(feature, Look.of(feature.kind, feature.role, this.labels));
            if (feature.role === "b") before.set(feature.line, feature);
            if (feature.role === "a" && before.has(feature.line)) drawing.move(before.get(feature.line), feature);
        }
        const parts = [];
        const grid = drawing.grid(this.plane);
        const lines = grid.across.map(([x]) => `M${Drawing.round(x)} 0V${height}`)
            .concat(grid.down.map(([y]) => `M0 ${Drawing.round(y)}H${width}`));
        parts.push(ChangeMap.element("path", { class: "land", d: drawing.land(this.plane) }));
        parts.push(ChangeMap.element("path", { class: "grid", d: lines.join("") }));
        // Areas below lines below signs, so that nothing small is covered.
        const rank = (layer) => layer.includes("sym") ? 2 : layer.includes("line") || layer === "move" ? 1 : 0;
        for (const [layer, texts] of Array.from(drawing.paths).sort(([a], [b]) => rank(a) - rank(b))) {
            parts.push(ChangeMap.element("path", { class: layer, d: texts.join("") }));
        }
        const halo = features.filter((feature) => feature.line === this.chosen).map((feature) => this.halo(drawing, feature));
        if (halo.length) parts.push(ChangeMap.element("path", { class: "halo", d: halo.join("") }));
        const text = (x, y, words, anchor) => {
            const label = ChangeMap.element("text", { x, y, "text-anchor": anchor });
            label.textContent = words;
            parts.push(label);
        };
        for (const [x, words] of grid.across) if (x > 30 && x < width - 60) text(x, height - 6, words, "middle");
        for (const [y, words] of grid.down) if (y > 14 && y < height - 24) text(6, y - 4, words, "start");
        this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        this.svg.replaceChildren(...parts);
        this.visible = features;
        this.drawing = drawing;
    }

    halo(drawing, feature) {
        const [x0, x1] = [drawing.x(feature.x0) - 9, drawing.x(feature.x1) + 9].map(Drawing.round);
        const [y0, y1] = [drawing.y(feature.y0) - 9, drawing.y(feature.y1) + 9].map(Drawing.round);
        return `M${x0} ${y0}H${x1}V${y1}H${x0}Z`;
    }

    static element(name, attributes) {
        const made = document.createElementNS("http://www.w3.org/2000/svg", name);
        for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
        return made;
    }

    legend() {
        const entries = new Map();
        for (const plane of this.shapes.planes) {
            for (const { kind, role } of plane.features) {
                const look = Look.of(kind, role, this.labels);
                const words = role === "p" || ["insert", "delete", "onlyLeft", "onlyRight"].includes(kind)
                    ? look[3] : `${kind}: ${look[3]}`;
                if (!entries.has(words)) entries.set(words, [kind, look]);
            }
        }
        this.elements.legend.replaceChildren(...Array.from(entries, ([words, [kind, [sign, signClass]]]) => {
            const item = document.createElement("li");
            const picture = ChangeMap.element("svg", { viewBox: "0 0 22 16", "aria-hidden": "true" });
            picture.append(ChangeMap.element(
                "path", { class: `k-${kind} sym ${signClass}`, d: Look.signs[sign](11, 8) }));
            item.append(picture, words);
            return item;
        }));
    }

    // Finding

    /** The feature under a place of the picture: the nearest mark, or else the smallest area around it. */
    at(x, y) {
        let [best, least] = [null, 10];
        let [area, smallest] = [null, Infinity];
        const drawing = this.drawing;
        for (const feature of this.visible) {
            const [x0, x1] = [drawing.x(feature.x0), drawing.x(feature.x1)];
            const [y0, y1] = [drawing.y(feature.y0), drawing.y(feature.y1)];
            if (x < x0 - 10 || x > x1 + 10 || y < y0 - 10 || y > y1 + 10) continue;
            const distance = this.distance(feature, x, y);
            if (distance < least) [best, least] = [feature, distance];
            const size = (x1 - x0) * (y1 - y0);
            const isArea = feature.parts.some((part) => part.shape === 2);
            if (isArea && size < smallest && x > x0 && x < x1 && y > y0 && y < y1) [area, smallest] = [feature, size];
        }
        return best ?? area;
    }

    distance(feature, x, y) {
        const drawing = this.drawing;
        let least = Infinity;
        if (drawing.isSmall(feature)) {
            return Math.hypot(drawing.x((feature.x0 + feature.x1) / 2) - x, drawing.y((feature.y0 + feature.y1) / 2) - y);
        }
        for (const part of feature.parts) {
            for (const path of part.paths) {
                for (let i = 0; i < path.length; i += 2) {
                    const [ax, ay] = [drawing.x(path[i]), drawing.y(path[i + 1])];
                    const hasNext = part.shape > 0 && i + 3 < path.length;
                    const [bx, by] = hasNext ? [drawing.x(path[i + 2]), drawing.y(path[i + 3])] : [ax, ay];
                    const length = (bx - ax) ** 2 + (by - ay) ** 2;
                    const t = length ? Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length)) : 0;
                    least = Math.min(least, Math.hypot(ax + t * (bx - ax) - x, ay + t * (by - ay) - y));
                }
            }
        }
        return least;
    }

    // Hands and keys

    listen() {
        const svg = this.svg;
        const place = (event) => {
            const box = svg.getBoundingClientRect();
            return { x: event.clientX - box.left, y: event.clientY - box.top };
        };
        svg.addEventListener("wheel", (event) => {
            event.preventDefault();
            const { x, y } = place(event);
            this.zoom(Math.exp(-Math.max(-100, Math.min(100, event.deltaY * (event.deltaMode ? 30 : 1))) * .0035), x, y);
        }, { passive: false });
        svg.addEventListener("pointerdown", (event) => {
            if (event.button > 0) return;
            svg.setPointerCapture(event.pointerId);
            this.pointers.set(event.pointerId, place(event));
            this.travelled = this.pointers.size > 1 ? Infinity : 0;
        });
        svg.addEventListener("pointermove", (event) => this.drag(event, place(event)));
        const end = (event) => {
            if (!this.pointers.delete(event.pointerId) || event.type === "pointercancel") return;
            if (this.pointers.size === 0 && this.travelled < 6) this.tap(place(event));
        };
        svg.addEventListener("pointerup", end);
        svg.addEventListener("pointercancel", end);
        svg.addEventListener("pointerleave", () => { this.tip.hidden = true; });
        svg.addEventListener("dblclick", (event) => this.zoom(2, place(event).x, place(event).y));
        svg.addEventListener("keydown", (event) => this.key(event));
        const { zoomIn, zoomOut, zoomAll } = this.elements;
        zoomIn.addEventListener("click", () => this.zoom(1.6));
        zoomOut.addEventListener("click", () => this.zoom(1 / 1.6));
        zoomAll.addEventListener("click", () => this.fitAll());
        new ResizeObserver(() => this.wasMoved ? this.draw() : this.fit()).observe(svg.parentElement);
    }

    drag(event, now) {
        const last = this.pointers.get(event.pointerId);
        if (!last) return this.hover(now);
        if (this.pointers.size === 1) {
            this.travelled += Math.hypot(now.x - last.x, now.y - last.y);
            if (this.travelled >= 6) this.pan(now.x - last.x, now.y - last.y);
        } else if (this.pointers.size === 2) {
            const other = Array.from(this.pointers).find(([id]) => id !== event.pointerId)[1];
            const spread = (point) => Math.hypot(point.x - other.x, point.y - other.y);
            const middle = (point) => ({ x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 });
            const [from, to] = [middle(last), middle(now)];
            this.pan(to.x - from.x, to.y - from.y);
            if (spread(last) > 0) this.zoom(spread(now) / spread(last), to.x, to.y);
        }
        this.pointers.set(event.pointerId, now);
    }

    tap({ x, y }) {
        const feature = this.at(x, y);
        if (!feature) return;
        this.choose(feature.line);
        this.onChoose(feature.line);
    }

    hover({ x, y }) {
        if (this.visible.length > 20_000) return;
        const feature = this.at(x, y);
        this.tip.hidden = !feature;
        if (!feature) return;
        this.tip.textContent = this.name(feature.line);
        const { width } = this.size;
        this.tip.style.top = y + 14 + "px";
        this.tip.style.left = x > width / 2 ? "auto" : x + 10 + "px";
        this.tip.style.right = x > width / 2 ? width - x + 10 + "px" : "auto";
    }

    key(event) {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const step = 60;
        switch (event.key) {
            case "ArrowLeft": this.pan(step, 0); break;
            case "ArrowRight": this.pan(-step, 0); break;
            case "ArrowUp": this.pan(0, step); break;
            case "ArrowDown": this.pan(0, -step); break;
            case "+": case "=": this.zoom(1.6); break;
            case "-": case "_": this.zoom(1 / 1.6); break;
            case "0": this.fitAll(); break;
            default: return;
        }
        event.preventDefault();
    }
}
