"use strict";

// What a commit changed, as elements of a page. Everything that comes from documents and people is put in as text nodes, never as markup.

/** Makes an element; what is inside is elements and texts. */
function make(name, properties = {}, ...inside) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
        if (key === "dataset") Object.assign(made.dataset, value);
        else if (key.startsWith("aria")) made.setAttribute("aria-" + key.slice(4).toLowerCase(), value);
        else made[key] = value;
    }
    made.append(...inside);
    return made;
}

/** A text whose invisible characters are shown: they could pretend to be something else. */
function visible(text) {
    const parts = [];
    for (const piece of text.split(/([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff])/)) {
        if (piece === "") continue;
        const isHidden = piece.length === 1 && /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/.test(piece);
        parts.push(isHidden
            ? make("span", { className: "symbol" }, "‹" + piece.charCodeAt(0).toString(16).padStart(4, "0") + "›")
            : piece);
    }
    return parts;
}

// Differences

const words = (text) => text.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) || [];

/** Which elements of two lists are not in their longest common part; everything between their ends, where that is too long. */
function difference(old, fresh) {
    let start = 0;
    while (start < old.length && start < fresh.length && old[start] === fresh[start]) start++;
    let [a, b] = [old.length, fresh.length];
    while (a > start && b > start && old[a - 1] === fresh[b - 1]) { a--; b--; }
    const [height, width] = [a - start, b - start];
    const steps = [];
    if (height * width > 250000) {
        for (let i = start; i < a; i++) steps.push({ sign: "-", text: old[i] });
        for (let j = start; j < b; j++) steps.push({ sign: "+", text: fresh[j] });
    } else {
        const common = new Uint16Array((height + 1) * (width + 1));
        for (let i = height - 1; i >= 0; i--) {
            for (let j = width - 1; j >= 0; j--) {
                common[i * (width + 1) + j] = old[start + i] === fresh[start + j]
                    ? common[(i + 1) * (width + 1) + j + 1] + 1
                    : Math.max(common[(i + 1) * (width + 1) + j], common[i * (width + 1) + j + 1]);
            }
        }
        let [i, j] = [0, 0];
        while (i < height || j < width) {
            if (i < height && j < width && old[start + i] === fresh[start + j]) {
                steps.push({ sign: " ", text: old[start + i] });
                i++; j++;
            } else if (i < height && (j === width || common[(i + 1) * (width + 1) + j] >= common[i * (width + 1) + j + 1])) {
                steps.push({ sign: "-", text: old[start + i++] });
            } else {
                steps.push({ sign: "+", text: fresh[start + j++] });
            }
        }
    }
    return { before: old.slice(0, start), steps, after: old.slice(a) };
}

/** Two texts as pieces, of which those that differ are marked; without marks where little is alike. */
function marked(old, fresh) {
    const found = difference(words(old), words(fresh));
    const side = (sign) => {
        const pieces = [found.before.join("")];
        let kept = pieces[0].length + found.after.join("").length;
        let run = "";
        const mark = () => {
            if (run) pieces.push(make("mark", {}, ...visible(run)));
            run = "";
        };
        for (const step of found.steps) {
            if (step.sign === sign) run += step.text;
            if (step.sign !== " ") continue;
            mark();
            pieces.push(step.text);
            kept += step.text.length;
        }
        mark();
        pieces.push(found.after.join(""));
        return { kept, pieces: pieces.flatMap((piece) => typeof piece === "string" ? visible(piece) : [piece]) };
    };
    const [one, other] = [side("-"), side("+")];
    const isAlike = one.kept * 3 >= Math.max(old.length, fresh.length);
    return isAlike ? [one.pieces, other.pieces] : [visible(old), visible(fresh)];
}

const withoutEnd = (line) => line.replace(/\r?\n$/, "");

function line(sign, inside) {
    const [kind, said] = { "-": ["removed", "removed: "], "+": ["added", "added: "], " ": ["same", ""] }[sign];
    const made = make("div", { className: "line " + kind, dataset: { sign } });
    if (said) made.append(make("span", { className: "vh" }, said));
    made.append(...inside);
    return made;
}

/** Lines that went and lines that came in their place. */
function changed(removed, added) {
    if (removed.length !== added.length) {
        return [...removed.map((text) => line("-", visible(withoutEnd(text)))), ...added.map((text) => line("+", visible(withoutEnd(text))))];
    }
    const pairs = removed.map((text, index) => marked(withoutEnd(text), withoutEnd(added[index])));
    return [...pairs.map(([old]) => line("-", old)), ...pairs.map(([, fresh]) => line("+", fresh))];
}

/** What a commit changed. */
function comparison(found) {
    const made = make("div", { className: "diff" });
    if (!found.exists) made.append(make("div", { className: "hunk" }, "The document was deleted."));
    else if (!found.existed) made.append(make("div", { className: "hunk" }, "The document was made."));
    let next = 0;
    for (const hunk of found.hunks) {
        if (hunk.new !== next) made.append(make("div", { className: "hunk" }, `Line ${hunk.new}`));
        next = hunk.new + hunk.before.length + hunk.added.length + hunk.after.length;
        made.append(...hunk.before.map((text) => line(" ", visible(withoutEnd(text)))));
        made.append(...changed(hunk.removed, hunk.added));
        made.append(...hunk.after.map((text) => line(" ", visible(withoutEnd(text)))));
    }
    if (found.omitted) made.append(make("div", { className: "hunk" }, `${found.omitted} more places were changed.`));
    if (!found.hunks.length && found.exists && found.existed) made.append(make("div", { className: "hunk" }, "Nothing was changed."));
    return made;
}

/** The lines of two texts side by side, with some of what is around. */
function sides(theirs, mine) {
    const lines = (text) => text.match(/[^\n]*\n|[^\n]+$/g) || [];
    const found = difference(lines(theirs), lines(mine));
    const made = make("div", { className: "diff" });
    made.append(...found.before.slice(-3).map((text) => line(" ", visible(withoutEnd(text)))));
    let [removed, added] = [[], []];
    const flush = () => {
        made.append(...changed(removed, added));
        [removed, added] = [[], []];
    };
    for (const step of found.steps.slice(0, 2000)) {
        if (step.sign === "-") removed.push(step.text);
        else if (step.sign === "+") added.push(step.text);
        else {
            flush();
            made.append(line(" ", visible(withoutEnd(step.text))));
        }
    }
    flush();
    if (found.steps.length > 2000) made.append(make("div", { className: "hunk" }, "More lines differ than are shown."));
    made.append(...found.after.slice(0, 3).map((text) => line(" ", visible(withoutEnd(text)))));
    return made;
}

function decoded(base64) {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

function encoded(text) {
    let binary = "";
    for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
    return btoa(binary);
}

const isUTF8 = (base64) => encoded(decoded(base64)) === base64;
