"use strict";

/** The lines of the page: filters them, shows them page by page, and lets the keyboard walk through them. */
class LineList {
    /**
     * @param facts what the page says about its groups
     * @param raw one line each: the number of its group, a tab, and its markup, in which every value is escaped
     */
    constructor(facts, raw, elements, pageSize = 100) {
        this.groups = facts.groups;
        this.elements = elements;
        this.pageSize = pageSize;
        const lines = raw.split("\n");
        lines.pop();
        this.groupOf = new Uint16Array(lines.length);
        this.markup = lines.map((line, number) => {
            const tab = line.indexOf("\t");
            this.groupOf[number] = +line.slice(0, tab);
            return line.slice(tab + 1);
        });
        const order = Array.from(lines.keys());
        this.order = order.sort((a, b) => this.groupOf[a] - this.groupOf[b] || a - b);
        this.matched = this.order;
        this.page = 0;
        this.chosen = -1;
        this.hasShape = () => false;
        this.onMatch = () => {};
        this.onChoose = () => {};
    }

    get pageCount() { return Math.max(1, Math.ceil(this.matched.length / this.pageSize)); }

    /** What a line says, for the filter. */
    text(number) {
        this.texts ??= new Array(this.markup.length);
        return this.texts[number] ??= LineList.folded(
            this.groups[this.groupOf[number]].table + " " + LineList.plain(this.markup[number]));
    }

    static plain(markup) {
        const names = { amp: "&", lt: "<", gt: ">", quot: "\"", "#39": "'" };
        return markup.replace(/<[^>]*>/g, " ").replace(/&([a-z#0-9]+);/g, (whole, name) => names[name] ?? whole);
    }

    static folded(text) { return text.normalize("NFKC").toLowerCase(); }

    /** The key of a line in words. */
    key(number) {
        const found = /<bdi class=key>(.*?)<\/bdi>/.exec(this.markup[number]);
        return found ? LineList.plain(found[1]) : "";
    }

    /** Shows the lines that hold all the words, are of one of the kinds, and of the table; an empty choice is any. */
    filter(words, kinds, table) {
        const wanted = LineList.folded(words).split(/\s+/).filter(Boolean);
        const groups = this.groups.map((group) =>
            (!kinds.size || kinds.has(group.kind)) && (table === null || group.table === table));
        this.matched = this.order.filter((number) =>
            groups[this.groupOf[number]] && wanted.every((word) => this.text(number).includes(word)));
        this.show(0);
        this.onMatch(this.matched);
    }

    show(page) {
        this.page = Math.min(Math.max(page, 0), this.pageCount - 1);
        const start = this.page * this.pageSize;
        this.render(this.matched.slice(start, start + this.pageSize));
        for (const pager of this.elements.pagers) this.renderPager(pager);
    }

    showAll() { this.render(this.matched); }

    render(numbers) {
        const parts = [];
        let group = -1;
        for (const number of numbers) {
            if (this.groupOf[number] !== group) {
                if (group >= 0) parts.push("</ul></section>");
                group = this.groupOf[number];
                parts.push("<section class=group><h3>", this.groups[group].heading, "</h3><ul class=items>");
            }
            parts.push(this.markup[number]);
        }
        if (group >= 0) parts.push("</ul></section>");
        const list = this.elements.list;
        list.innerHTML = parts.length ? parts.join("") : "<p class=note>No line fits the filter.</p>";
        list.querySelectorAll(".item").forEach((item, index) => {
            const number = numbers[index];
            item.dataset.line = number;
            item.tabIndex = index === 0 ? 0 : -1;
            if (number === this.chosen) item.classList.add("chosen");
            if (!this.hasShape(number)) return;
            const button = document.createElement("button");
            button.type = "button";
            button.className = "show";
            button.textContent = "map";
            button.setAttribute("aria-label", "Show " + this.key(number) + " on the map");
            item.append(button);
        });
    }

    renderPager(pager) {
        pager.hidden = this.pageCount === 1;
        if (pager.hidden) return;
        const button = (text, label, page, isOff) => {
            const made = document.createElement("button");
            made.type = "button";
            made.textContent = text;
            made.setAttribute("aria-label", label);
            made.disabled = isOff;
            made.dataset.page = page;
            return made;
        };
        const [isFirst, isLast] = [this.page === 0, this.page === this.pageCount - 1];
        const place = document.createElement("span");
        place.textContent = `Page ${(this.page + 1).toLocaleString("en")} of ${this.pageCount.toLocaleString("en")}`;
        pager.replaceChildren(
            button("«", "First page", 0, isFirst), button("‹ Previous", "Previous page", this.page - 1, isFirst), place,
            button("Next ›", "Next page", this.page + 1, isLast), button("»", "Last page", this.pageCount - 1, isLast));
    }

    // Walking

    get items() { return Array.from(this.elements.list.querySelectorAll(".item")); }

    focus(item) {
        for (const other of this.items) other.tabIndex = other === item ? 0 : -1;
        item.focus();
        item.scrollIntoView({ block: "nearest" });
    }

    /** Moves the focus by lines, over the ends of a page. */
    step(from, by) {
        const items = this.items;
        const index = items.indexOf(from) + by;
        if (index >= 0 && index < items.length) return this.focus(items[index]);
        if (by > 0 && this.page < this.pageCount - 1) {
            this.show(this.page + 1);
            this.focus(this.items[0]);
        } else if (by < 0 && this.page > 0) {
            this.show(this.page - 1);
            this.focus(this.items.at(-1));
        }
    }

    /** Marks a line; with `reveal`, goes to it wherever it is. */
    choose(number, reveal = false) {
        this.chosen = number;
        if (reveal) {
            const place = this.matched.indexOf(number);
            if (place < 0) return;
            const page = Math.floor(place / this.pageSize);
            if (page !== this.page) this.show(page);
        }
        for (const item of this.items) item.classList.toggle("chosen", +item.dataset.line === number);
        const item = this.elements.list.querySelector(".chosen");
        if (reveal && item) this.focus(item);
    }

    listen() {
        const list = this.elements.list;
        list.addEventListener("keydown", (event) => {
            if (event.ctrlKey || event.metaKey || event.altKey) return;
            const item = event.target.closest(".item");
            if (!item) return;
            const items = this.items;
            switch (event.key) {
                case "ArrowDown": this.step(item, 1); break;
                case "ArrowUp": this.step(item, -1); break;
                case "Home": this.focus(items[0]); break;
                case "End": this.focus(items.at(-1)); break;
                case "Enter":
                    if (event.target !== item) return;
                    this.pick(item);
                    break;
                default: return;
            }
            event.preventDefault();
        });
        list.addEventListener("click", (event) => {
            if (event.target.closest(".show")) this.pick(event.target.closest(".item"));
        });
        for (const pager of this.elements.pagers) {
            pager.addEventListener("click", (event) => {
                const button = event.target.closest("button");
                if (!button) return;
                this.show(+button.dataset.page);
                this.focus(this.items[0]);
                this.items[0].closest(".group").scrollIntoView({ block: "nearest" });
            });
        }
    }

    pick(item) {
        const number = +item.dataset.line;
        this.choose(number);
        this.onChoose(number);
    }
}
