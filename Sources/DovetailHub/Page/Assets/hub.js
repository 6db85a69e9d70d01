"use strict";

// The page of a hub. Everything that comes from documents and people is put in as text nodes, never as markup.

const byId = (id) => document.getElementById(id);

// Talking to the hub

class HubFailure extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

class Access {
    constructor(set, token) {
        this.set = set;
        this.token = token;
        this.base = "/v1/" + encodeURIComponent(set);
    }

    async request(path, { method = "GET", query = {}, body, signal } = {}) {
        const fields = new URLSearchParams(query).toString().replaceAll("+", "%20");
        let answer;
        try {
            answer = await fetch(this.base + path + (fields ? "?" + fields : ""), {
                method, body, signal, headers: { Authorization: "Bearer " + this.token }, cache: "no-store",
                credentials: "omit", redirect: "error",
            });
        } catch (error) {
            if (error.name === "AbortError") throw error;
            throw new HubFailure(0, "The hub can't be reached.");
        }
        if (answer.ok) return answer;
        const told = await answer.json().catch(() => ({}));
        throw new HubFailure(answer.status, told.message || "The hub answered " + answer.status + ".");
    }

    async json(path, query) { return (await this.request(path, { query })).json(); }

    /** Calls back for each event until the stream ends. */
    async follow(place, epoch, signal, onEvent) {
        const answer = await this.request("/events", { query: { after: place, e: epoch }, signal });
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (;;) {
            const { value, done } = await reader.read();
            if (done) return;
            rest += value;
            const lines = rest.split("\n");
            rest = lines.pop();
            for (const line of lines) onEvent(line);
        }
    }
}

// The page

const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function moment(micros) {
    const date = new Date(micros / 1000);
    return make("time", { dateTime: date.toISOString() }, when.format(date));
}

const bytes = (size) => size === 1 ? "1 byte" : size < 10000 ? `${size} bytes` : size < 1e7 ? `${Math.round(size / 1000)} kB` : `${Math.round(size / 1e6)} MB`;

function randomKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

class Page {
    constructor() {
        this.access = null;
        this.documents = [];
        this.chosen = null;
        this.epoch = "0";
        this.place = 0;
        this.stop = null;
        this.loading = null;
        this.refreshing = null;
        this.pageSize = 30;
        byId("login").addEventListener("submit", (event) => {
            event.preventDefault();
            this.begin(byId("set").value.trim(), byId("token").value.trim());
        });
        byId("leave").addEventListener("click", () => this.leave());
        byId("filter").addEventListener("input", () => this.listDocuments());
        byId("older").addEventListener("click", () => this.older());
        byId("documents").addEventListener("keydown", (event) => this.walk(event));
        addEventListener("hashchange", () => this.follow(location.hash));
        // The page is at the address of each set, too.
        const named = decodeURIComponent(location.pathname.slice(1));
        const kept = JSON.parse(sessionStorage.getItem("dovetail") ?? "{}");
        if (kept.token && (!named || named === kept.set)) {
            this.begin(kept.set, kept.token);
        } else {
            byId("set").value = named;
            this.askForToken();
        }
    }

    problem(message) {
        byId("problem").textContent = message || "";
        byId("problem").hidden = !message;
    }

    askForToken() {
        byId("login").hidden = false;
        byId("hub").hidden = true;
        byId("leave").hidden = true;
        byId("live").textContent = "";
        byId("title").textContent = "Documents";
        byId(byId("set").value ? "token" : "set").focus();
    }

    leave() {
        sessionStorage.removeItem("dovetail");
        this.stop?.abort();
        this.access = null;
        this.chosen = null;
        byId("token").value = "";
        byId("documents").replaceChildren();
        byId("commits").replaceChildren();
        byId("conflict-list").replaceChildren();
        this.askForToken();
    }

    async begin(set, token) {
        this.problem();
        this.access = new Access(set, token);
        try {
            await this.refresh();
        } catch (error) {
            this.access = null;
            this.problem(error.message);
            if (error.status === 401 || error.status === 403) sessionStorage.removeItem("dovetail");
            this.askForToken();
            return;
        }
        sessionStorage.setItem("dovetail", JSON.stringify({ set, token }));
        byId("token").value = "";
        byId("login").hidden = true;
        byId("hub").hidden = false;
        byId("leave").hidden = false;
        byId("title").textContent = set;
        document.title = set + " · Dovetail";
        this.follow(location.hash);
        this.live();
    }

    /** What there is now. */
    async refresh() {
        const access = this.access;
        const [listing, conflicts] = await Promise.all([access.json(""), access.json("/conflicts")]);
        if (access !== this.access) return;
        this.epoch = listing.epoch;
        this.place = listing.place;
        this.documents = listing.documents;
        this.listDocuments();
        this.listConflicts(conflicts);
    }

    /** Keeps up with what happens, as long as the page is there. */
    async live() {
        const access = this.access;
        let pause = 500;
        while (access === this.access) {
            this.stop = new AbortController();
            try {
                await access.follow(this.place, this.epoch, this.stop.signal, (line) => {
                    pause = 500;
                    byId("live").textContent = "live";
                    byId("live").classList.add("on");
                    if (line.startsWith("data:")) this.news();
                });
            } catch (error) {
                if (access !== this.access) return;
                if (error.status === 401 || error.status === 403) {
                    this.leave();
                    this.problem(error.message);
                    return;
                }
            }
            if (access !== this.access) return;
            byId("live").textContent = "not connected, trying again";
            byId("live").classList.remove("on");
            await new Promise((resolve) => setTimeout(resolve, pause));
            pause = Math.min(pause * 2, 15000);
            if (access === this.access) this.news();
        }
    }

    /** Something happened: what there is now is asked for, once for many events. */
    news() {
        this.refreshing ??= setTimeout(async () => {
            this.refreshing = null;
            const known = this.documents.find(({ document }) => document === this.chosen)?.sequence;
            try { await this.refresh(); } catch { return; }
            const head = this.documents.find(({ document }) => document === this.chosen);
            if (head && head.sequence !== known) this.newer();
        }, 50);
    }

    // Documents

    listDocuments() {
        const wanted = byId("filter").value.toLowerCase();
        const shown = this.documents.filter(({ document }) => document.toLowerCase().includes(wanted));
        const had = document.activeElement?.dataset?.document;
        byId("documents").replaceChildren(...shown.map((head) => {
            const button = make("button",
                { type: "button", dataset: { document: head.document }, ariaCurrent: String(head.document === this.chosen) },
                make("bdi", {}, ...visible(head.document)),
                make("small", {}, head.hash ? bytes(head.size) + " · " : "deleted · ", make("bdi", {}, ...visible(head.author)), " · ", moment(head.time)));
            button.addEventListener("click", () => { location.hash = encodeURIComponent(head.document); });
            return make("li", { className: head.hash ? "" : "deleted" }, button);
        }));
        if (!shown.length) byId("documents").append(make("li", { className: "note" }, wanted ? "No name fits." : "There are no documents yet."));
        if (had !== undefined) [...byId("documents").querySelectorAll("button")].find((button) => button.dataset.document === had)?.focus();
    }

    walk(event) {
        const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!by) return;
        event.preventDefault();
        const buttons = [...byId("documents").querySelectorAll("button")];
        buttons[buttons.indexOf(document.activeElement) + by]?.focus();
    }

    follow(hash) {
        let name = "";
        try { name = decodeURIComponent(hash.slice(1)); } catch { return; }
        if (name && this.access) this.choose(name);
    }

    // The log

    async choose(name) {
        this.chosen = name;
        this.listDocuments();
        byId("log-title").replaceChildren(make("bdi", {}, ...visible(name)));
        byId("log-hint").hidden = true;
        byId("commits").replaceChildren();
        byId("older").hidden = true;
        await this.add(null);
        byId("log-title").focus({ preventScroll: innerWidth >= 896 });
    }

    commits() { return [...byId("commits").children]; }

    async older() { await this.add(+this.commits().at(-1).dataset.sequence); }

    async add(before) {
        const name = this.chosen;
        const query = { d: name, limit: this.pageSize };
        if (before !== null) query.before = before;
        try {
            const found = await this.access.json("/log", query);
            if (name !== this.chosen) return;
            const known = new Set(this.commits().map((item) => +item.dataset.sequence));
            const more = found.filter(({ sequence }) => !known.has(sequence));
            byId("commits").append(...more.map((commit) => this.commit(commit)));
            const last = found.at(-1)?.sequence;
            byId("older").hidden = !more.length || last === 1 || found.length < this.pageSize;
            this.problem();
        } catch (error) { this.problem(error.message); }
    }

    /** Puts what came since on top. */
    async newer() {
        const name = this.chosen;
        const found = await this.access.json("/log", { d: name, limit: this.pageSize }).catch(() => []);
        if (name !== this.chosen) return;
        const newest = +(this.commits()[0]?.dataset.sequence ?? 0);
        const fresh = found.filter(({ sequence }) => sequence > newest);
        byId("commits").prepend(...fresh.map((commit) => this.commit(commit, true)));
        for (const item of this.commits()) item.classList.toggle("latest", item === byId("commits").firstChild);
    }

    commit(commit, isFresh = false) {
        const summary = make("summary", {},
            make("span", { className: "number" }, `#${commit.sequence}`), make("bdi", {}, ...visible(commit.author)),
            moment(commit.time), make("small", {}, commit.result ? bytes(commit.size) : "deleted"));
        const details = make("details", {}, summary);
        const show = async () => {
            if (!details.open || details.querySelector(".diff")) return;
            try {
                const found = await this.access.json("/diff", { d: commit.document, at: commit.sequence });
                if (details.querySelector(".diff")) return;
                details.append(comparison(found));
                if (commit.result) {
                    const restore = make("button", { type: "button" }, "Restore this version");
                    restore.addEventListener("click", () => this.restore(commit, restore));
                    details.append(make("div", { className: "actions" }, restore));
                }
            } catch (error) {
                details.append(make("p", { className: "note diff" }, error.message));
            }
        };
        details.addEventListener("toggle", show);
        const item = make("li", { className: "commit" + (isFresh ? " fresh" : ""), dataset: { sequence: commit.sequence } }, details);
        if (isFresh) details.open = true;
        return item;
    }

    async restore(commit, button) {
        if (button.dataset.sure !== "yes") {
            button.dataset.sure = "yes";
            button.classList.add("first");
            button.textContent = `Make #${commit.sequence} the newest version?`;
            setTimeout(() => {
                button.dataset.sure = "";
                button.classList.remove("first");
                button.textContent = "Restore this version";
            }, 6000);
            return;
        }
        button.disabled = true;
        const head = this.documents.find(({ document }) => document === commit.document);
        try {
            await this.access.request("/restore", {
                method: "POST",
                query: { d: commit.document, at: commit.sequence, head: `${this.epoch}.${head.sequence}`, key: randomKey() },
            });
            this.problem();
            this.news();
        } catch (error) {
            this.problem(error.status === 409 || error.status === 410
                ? "Someone wrote a new version meanwhile. Look at it, and try again." : error.message);
        }
        button.disabled = false;
    }

    // Conflicts

    listConflicts(conflicts) {
        byId("conflicts").hidden = !conflicts.length;
        const shown = new Map([...byId("conflict-list").children].map((item) => [item.dataset.version, item]));
        byId("conflict-list").replaceChildren(...conflicts.map((conflict) => {
            // What someone is writing in stays, as long as the conflict does.
            const version = JSON.stringify([conflict.id, conflict.position, conflict.time, conflict.resolution]);
            return shown.get(version) ?? this.conflict(conflict, version);
        }));
    }

    conflict(conflict, version) {
        const made = make("article", { className: "conflict", dataset: { version } },
            make("h3", {}, make("span", { className: "word" }, "Conflict"), " in ", make("bdi", {}, ...visible(conflict.document))),
            make("p", { className: "note" }, "The text of ", make("bdi", {}, ...visible(conflict.client)),
                " (+) against the hub's (−), since ", moment(conflict.time)));
        const texts = { mine: conflict.mine, theirs: conflict.theirs };
        made.append(sides(texts.theirs ? decoded(texts.theirs) : "", texts.mine ? decoded(texts.mine) : ""));
        for (const [side, who] of [["mine", "There"], ["theirs", "At the hub"]]) {
            if (texts[side] === undefined) made.append(make("p", { className: "note" }, `${who}, the document was deleted.`));
        }
        if (conflict.resolution) {
            const said = { mine: "the client's lines", theirs: "the hub's lines", both: "both, the hub's first", text: "an edited text" }[conflict.resolution.kind];
            made.append(make("p", {}, `Decided: ${said}. `, make("bdi", {}, ...visible(conflict.client)), " carries it out when it is connected."));
            return made;
        }
        const buttons = make("div", { className: "actions" });
        const decide = async (resolution) => {
            for (const button of made.querySelectorAll("button")) button.disabled = true;
            try {
                await this.access.request("/conflicts/" + encodeURIComponent(conflict.id), { method: "POST", body: JSON.stringify(resolution) });
                this.problem();
            } catch (error) {
                this.problem(error.message);
                for (const button of made.querySelectorAll("button")) button.disabled = false;
            }
            this.news();
        };
        const way = (kind, text) => {
            const button = make("button", { type: "button", dataset: { way: kind } }, text);
            button.addEventListener("click", () => decide({ kind }));
            buttons.append(button);
        };
        way("theirs", "Keep the hub's");
        way("mine", "Keep the client's");
        way("both", "Keep both");
        const isText = [texts.mine, texts.theirs].every((text) => text === undefined || isUTF8(text));
        if (isText) {
            const edit = make("button", { type: "button", dataset: { way: "edit" } }, "Edit …");
            edit.addEventListener("click", () => {
                edit.remove();
                const area = make("textarea", { spellcheck: false, ariaLabel: "The text as it shall be" });
                area.value = texts.mine ? decoded(texts.mine) : "";
                const save = make("button", { type: "button", className: "first", dataset: { way: "text" } }, "Keep this text");
                // A text area knows only one kind of line end.
                const hasReturns = /\r\n/.test(decoded(texts.mine ?? "")) && !/(^|[^\r])\n/.test(decoded(texts.mine ?? ""));
                const text = () => hasReturns ? area.value.replaceAll("\n", "\r\n") : area.value;
                save.addEventListener("click", () => decide({ kind: "text", text: encoded(text()) }));
                made.append(area, make("div", { className: "actions" }, save));
                area.focus();
            });
            buttons.append(edit);
        }
        made.append(buttons);
        return made;
    }
}

new Page();
