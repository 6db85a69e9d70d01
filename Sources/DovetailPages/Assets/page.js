"use strict";

/** Brings the page to life. Without it, the page still shows its counts and the first lines. */
(() => {
    const find = (id) => document.getElementById(id);
    const read = (id) => find(id)?.textContent ?? "";
    const facts = JSON.parse(read("facts") || "null");
    const controls = document.querySelector(".controls");
    if (!facts || !controls) return;

    const number = (value) => value.toLocaleString("en");
    const list = new LineList(facts, read("lines"), {
        list: find("list"), pagers: document.querySelectorAll(".pager"),
    });

    // Filter

    const kinds = new Set();
    const table = find("table");
    const tables = Array.from(new Set(facts.groups.map((group) => group.table)));
    const option = (text, value) => {
        const made = document.createElement("option");
        made.textContent = text;
        made.value = value;
        return made;
    };
    table.append(option("All tables", ""), ...tables.map((name, index) => option(name, index + 1)));
    table.parentElement.hidden = tables.length < 2;

    const byKind = new Map();
    for (const group of facts.groups) {
        const known = byKind.get(group.kind) ?? { ...group, count: 0 };
        known.count += group.count;
        byKind.set(group.kind, known);
    }
    for (const { kind, sign, word, count } of byKind.values()) {
        const chip = document.createElement("button");
        chip.type = "button";
        chip.className = "k-" + kind;
        chip.setAttribute("aria-pressed", "false");
        const mark = document.createElement("span");
        mark.className = "sign";
        mark.setAttribute("aria-hidden", "true");
        mark.textContent = sign;
        chip.append(mark, ` ${word} ${number(count)}`);
        chip.addEventListener("click", () => {
            if (!kinds.delete(kind)) kinds.add(kind);
            chip.setAttribute("aria-pressed", String(kinds.has(kind)));
            apply();
        });
        find("kinds").append(chip);
    }
    find("kinds").hidden = byKind.size < 2;

    const filter = find("filter");
    const found = find("found");
    let timer;
    const apply = () => {
        // What was typed is in this pass: another one a moment later would throw the reader back to the first page.
        clearTimeout(timer);
        list.filter(filter.value, kinds, table.value ? tables[table.value - 1] : null);
        const isAll = list.matched.length === list.order.length;
        const of = facts.listed < facts.total ? `${number(facts.listed)} listed` : number(facts.total);
        found.textContent = isAll
            ? `${of} ${facts.total === 1 ? "line" : "lines"}`
            : `${number(list.matched.length)} of ${of} lines`;
    };
    filter.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(apply, 90);
    });
    filter.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && filter.value) {
            filter.value = "";
            apply();
        } else if (event.key === "ArrowDown" && list.items.length) {
            list.focus(list.items[0]);
        } else {
            return;
        }
        event.preventDefault();
    });
    table.addEventListener("change", apply);
    document.addEventListener("keydown", (event) => {
        const isTyping = event.target.closest("input:not([type=radio]), select, textarea");
        if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        filter.focus();
        filter.select();
    });

    // Map

    const map = makeMap();
    if (map) {
        list.hasShape = (line) => map.shapes.byLine.has(line);
        list.onMatch = (matched) => {
            const isShown = new Uint8Array(list.order.length);
            for (const line of matched) isShown[line] = 1;
            map.filter(isShown);
        };
        list.onChoose = (line) => {
            map.goTo(line);
            const box = map.svg.getBoundingClientRect();
            if (box.bottom < 80 || box.top > innerHeight - 80) map.svg.scrollIntoView({ block: "center" });
        };
        map.onChoose = (line) => list.choose(line, true);
    }

    function makeMap() {
        const section = document.querySelector(".map");
        if (!section) return null;
        const kindOf = (line) => facts.groups[list.groupOf[line]].kind;
        const shapes = new Shapes(JSON.parse(read("shapes")), facts.planes, kindOf);
        const made = new ChangeMap(shapes, facts.labels, {
            svg: find("map"), legend: find("legend"), plane: find("plane"), zoomIn: find("zoom-in"),
            zoomOut: find("zoom-out"), zoomAll: find("zoom-all"),
        });
        section.hidden = false;
        made.name = (line) => `${list.groups[list.groupOf[line]].sign} ${list.key(line)}`;
        made.svg.setAttribute("aria-label", `Map of ${number(shapes.byLine.size)} lines of the list`);
        shapes.planes.forEach((plane, index) =>
            find("plane").append(option(`${plane.name} (${number(new Set(plane.features.map((f) => f.line)).size)})`, index)));
        find("plane").parentElement.hidden = shapes.planes.length < 2;
        find("plane").addEventListener("change", () => made.setPlane(+find("plane").value));
        for (const radio of document.querySelectorAll("[name=when]")) {
            radio.addEventListener("change", () => {
                made.when = radio.value;
                made.draw();
            });
        }
        if (facts.undrawn) {
            find("map-note").textContent = facts.undrawn === 1
                ? "One geometry is empty, or has no place on a map." :
                `${number(facts.undrawn)} geometries are empty, or have no place on a map.`;
            find("map-note").hidden = false;
        }
        made.legend();
        made.listen();
        made.fit();
        return made;
    }

    // Paper has no pages of a list, and nothing to open.

    const opened = [];
    addEventListener("beforeprint", () => {
        list.showAll();
        for (const details of document.querySelectorAll("details:not([open])")) {
            details.open = true;
            opened.push(details);
        }
        map?.draw();
    });
    addEventListener("afterprint", () => {
        for (const details of opened.splice(0)) details.open = false;
        list.show(list.page);
        map?.draw();
    });

    controls.hidden = false;
    list.listen();
    apply();
})();
