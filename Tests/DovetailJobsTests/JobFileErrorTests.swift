import Testing

@testable import DovetailJobs

/// A mistake, the YAML that makes it, and everything that is said about it.
struct Mistake: Sendable, CustomTestStringConvertible {
    let what: String
    let yaml: String
    let said: String

    init(_ what: String, _ yaml: String, _ said: String...) {
        self.what = what
        self.yaml = yaml
        self.said = said.map { "job.yaml:" + $0 }.joined(separator: "\n")
    }

    var testDescription: String { what }
}

@Suite("What is wrong with a job file")
struct JobFileErrorTests {
    @Test("a key is wrong", arguments: keys)
    func key(mistake: Mistake) { #expect(complaints(mistake.yaml) == mistake.said) }

    static let keys = [
        Mistake(
            "an unknown key in a table", twoSides + "tables:\n  benches:\n    macth: [a]",
            "5:5: tables.benches.macth: unknown key; did you mean “match”?"),
        Mistake(
            "an unknown key that is near to none", twoSides + "tables: all\nlimits: {speed: 5}",
            "4:10: limits.speed: unknown key; the keys here are deletes, changes, on_empty_side"),
        Mistake(
            "a hyphen for an underscore", twoSides + "tables: all\nbusy-Timeout: 5",
            "4:1: busy-Timeout: unknown key; did you mean “busy_timeout”?"),
        Mistake(
            "all that is missing", "job: x",
            "1:1: left: is missing; write left: {source: gpkg:PATH}",
            "1:1: right: is missing; write right: {source: gpkg:PATH}",
            "1:1: tables: is missing; write tables: {NAME: {match: [FIELD]}}, a list of names, or tables: all"
        ),
        Mistake(
            "a side without a source", "left: {label: a}\nright: b.db\ntables: all",
            "1:1: left.source: is missing; write source: gpkg:PATH"),
        Mistake(
            "half an assignment", twoSides + "tables: {t: {assigned: {by: right}}}",
            "3:14: tables.t.assigned.fields: is missing; write assigned: {by: right, fields: [FIELD]}"),
        Mistake(
            "half a reference", twoSides + "tables: {t: {references: {a: {table: t}}}}",
            "3:27: tables.t.references.a.field: is missing; write {table: TABLE, field: FIELD}"),
        Mistake(
            "keys given twice",
            twoSides + "tables:\n  t:\n    match: id\n    \"match\": a\n    match: id\nleft: x",
            "6:5: tables.t.match: given twice, first in line 5; keep one of them",
            "7:5: tables.t.match: given twice, first in line 5; keep one of them",
            "8:1: left: given twice, first in line 1; keep one of them"),
        Mistake(
            "an empty key", twoSides + "tables: {a: , \"\": {}}",
            "3:15: tables: a key is empty; give it a name"),
        Mistake(
            "a key that is a list", twoSides + "tables: all\n? [a]\n: b",
            "4:3: a key must be a single word or text; write KEY: VALUE"),
    ]

    @Test("a value has the wrong type", arguments: types)
    func type(mistake: Mistake) { #expect(complaints(mistake.yaml) == mistake.said) }

    static let types = [
        Mistake(
            "a list where a map is expected", twoSides + "tables:\n  t: [a]",
            "4:3: tables.t: expected a map, found a list; write t: {match: [FIELD]}"),
        Mistake(
            "a list as the whole file", "- a",
            "1:1: expected a map, found a list; write left:, right: and tables:"),
        Mistake(
            "a map where a list is expected", twoSides + "tables: {t: {ignore: {a: b}}}",
            "3:14: tables.t.ignore: expected a list of field names, found a map; write [FIELD, FIELD]"),
        Mistake(
            "a name where a list is expected", twoSides + "tables: {t: {ignore: a}}",
            "3:14: tables.t.ignore: expected a list of field names, found a single value; "
                + "write [FIELD, FIELD]"
        ),
        Mistake(
            "a map where a name is expected", twoSides + "tables: [{a: b}]",
            "3:10: tables[0]: expected a table name, found a map"),
        Mistake(
            "a map for a match", twoSides + "tables: {t: {match: {a: b}}}",
            "3:14: tables.t.match: expected a list of fields, id or content, found a map; "
                + "write match: [FIELD]"
        ),
        Mistake(
            "an empty list", twoSides + "tables: {t: {match: []}}",
            "3:14: tables.t.match: the list is empty; write [FIELD, FIELD], or remove the key"),
        Mistake(
            "a name in a list twice", twoSides + "tables: [a, b, a]",
            "3:16: tables[2]: “a” is in the list twice; remove one of them"),
        Mistake(
            "no value", twoSides + "tables: all\nstate:\njob: ~\nlimits:",
            "4:1: state: has no value; give a path or postgresql://HOST/DATABASE",
            "5:1: job: has no value; give a name",
            "6:1: limits: has no value; write {deletes: 20%, changes: 50000, on_empty_side: stop}"),
        Mistake(
            "the word null without quotes", twoSides + "tables: {t: {match: [null]}}",
            "3:22: tables.t.match[0]: has no value; put quotes around it to mean the word null"),
        Mistake(
            "an empty text", twoSides + "tables: all\njob: ' '", "4:1: job: is empty; give a name"),
        Mistake(
            "no table", twoSides + "tables: {}",
            "3:1: tables: names no table; "
                + "write tables: {NAME: {match: [FIELD]}}, a list of names, or tables: all"
        ),
        Mistake(
            "another word than all", twoSides + "tables: every",
            "3:1: tables: expected a map or a list of tables, found “every”; "
                + "write tables: {NAME: {match: [FIELD]}}, a list of names, or tables: all"),
    ]

    @Test("a value can't be", arguments: values)
    func value(mistake: Mistake) { #expect(complaints(mistake.yaml) == mistake.said) }

    static let values = [
        Mistake(
            "a misspelled word", twoSides + "tables: all\ndeletes: propogate\ndirection: up",
            "4:1: deletes: “propogate” is not one of propagate, keep, ask; did you mean “propagate”?",
            "5:1: direction: “up” is not one of both, left-to-right, right-to-left"),
        Mistake(
            "no boolean", twoSides + "tables: all\nchange_feed: maybe",
            "4:1: change_feed: “maybe” is not true or false; write true or false"),
        Mistake(
            "shares outside 0 to 100 %",
            twoSides + "tables: all\nlimits: {deletes: {share: 120%, number: -1}}",
            "4:20: limits.deletes.share: “120%” is not between 0% and 100%; write a share such as 20%",
            "4:33: limits.deletes.number: “-1” is negative; write 0 or more"),
        Mistake(
            "a share below 0 %", twoSides + "tables: all\nlimits: {deletes: -1%}",
            "4:10: limits.deletes: “-1%” is not between 0% and 100%; write a share such as 20%"),
        Mistake(
            "a share without a percent sign", twoSides + "tables: all\nlimits: {deletes: {share: 0.2}}",
            "4:20: limits.deletes.share: “0.2” is not a share; write it in percent, such as 20%"),
        Mistake(
            "no whole number",
            twoSides + "tables: all\nlimits: {deletes: 0.2, changes: 99999999999999999999}",
            "4:10: limits.deletes: “0.2” is not a whole number; write digits only, such as 500",
            "4:24: limits.changes: “99999999999999999999” is too large; write a smaller number"),
        Mistake(
            "negative numbers", twoSides + "tables: {t: {fields: {a: {tolerance: -0.1}}}}\nlock_wait: -1",
            "3:27: tables.t.fields.a.tolerance: “-0.1” is negative; write 0 or more",
            "4:1: lock_wait: “-1” is negative; write 0 or more"),
        Mistake(
            "no number", twoSides + "tables: all\nbusy_timeout: inf",
            "4:1: busy_timeout: “inf” is not a number; write a number such as 0.5"),
        Mistake(
            "no policy", twoSides + "tables: {t: {conflicts: {a: lefft}}}\nconflicts: newest",
            "3:26: tables.t.conflicts.a: “lefft” is not one of ask, left, right, merge, {newest: FIELD}; "
                + "did you mean “left”?",
            "4:1: conflicts: “newest” needs the field that tells the time; write {newest: FIELD}"),
        Mistake(
            "a bad name for a job", twoSides + "tables: all\njob: my job/1",
            "4:1: job: a job's name has letters, digits and -_. only; write job: my-job-1"),
        Mistake(
            "a label of two lines", "left: {label: \"a\\nb\", source: a.db}\nright: b.db\ntables: all",
            "1:8: left.label: a label is one line; remove the line break"),
        Mistake(
            "a NUL in a value", twoSides + "tables: {t: {left: \"a\\0b\"}}",
            "3:14: tables.t.left: contains a NUL character; remove it"),
        Mistake(
            "a state that can't be", twoSides + "tables: all\nstate: https://u:secret@h",
            "4:1: state: the state can't be kept at this address; "
                + "write a path or postgresql://HOST/DATABASE"),
        Mistake(
            "a reference to a table that is not there",
            twoSides + "tables: {sites: , t: {references: {a: stes.id, b: sites}}}",
            "3:36: tables.t.references.a: “stes.id” refers to a table that this job does not have; "
                + "did you mean “sites”?",
            "3:48: tables.t.references.b: “sites” names no table and field; write TABLE.FIELD"),
        Mistake(
            "a password in the wrong place", twoSides + "tables: all\ndirection: postgresql://u:secret@h",
            "4:1: direction: “postgresql://u:***@h” is not one of both, left-to-right, right-to-left"),
    ]

    @Test("two parts of it contradict each other", arguments: contradictions)
    func contradiction(mistake: Mistake) { #expect(complaints(mistake.yaml) == mistake.said) }

    static let contradictions = [
        Mistake(
            "the same source and table on both sides",
            "left: a.gpkg\nright: gpkg:./a.gpkg\ntables:\n  t:\n  u: {left: v}",
            "4:3: tables.t: both sides are the same table of the same source; "
                + "name another source or another table on one side"),
        Mistake(
            "the same source for all tables", "left: a.gpkg\nright: a.gpkg\ntables: all",
            "3:1: tables: both sides are the same source, so each table would meet itself; "
                + "name another source or another table on one side"),
        Mistake(
            "the same label", "left: a.gpkg\nright: {label: left, source: b.gpkg}\ntables: all",
            "2:1: right: both sides have the same label; give each side a label of its own"),
        Mistake(
            "both only and right", twoSides + "tables: {t: {fields: {a: {only: left, right: b}}}}",
            "3:39: tables.t.fields.a.right: the field is on the left only, so it has no name here; "
                + "remove only: left or right:"),
        Mistake(
            "a key that one side lacks", twoSides + "tables: {t: {match: a, fields: {a: {only: right}}}}",
            "3:14: tables.t.match: the field “a” is on the right only and can't be the key; "
                + "match by fields that both sides have"),
        Mistake(
            "two fields of one name", twoSides + "tables: {t: {fields: {a: b, b: }}}",
            "3:29: tables.t.fields.b: has the same name on the right as the field “a”; "
                + "give each field a name of its own"),
        Mistake(
            "two policies for a field",
            twoSides + "tables: {t: {conflicts: {a: left}, fields: {a: {conflicts: ask}}}}",
            "3:26: tables.t.conflicts.a: the field has a policy under “fields” too; keep one of them"),
    ]

    @Test("a file whose name can't be a job's name says what to add")
    func fileName() {
        do {
            _ = try JobFile.parse(yaml: twoSides + "tables: all", path: "my job.yaml", environment: [:])
            Issue.record("the name was taken")
        } catch {
            #expect(
                error.description
                    == "my job.yaml:1:1: job: the file's name can't be the job's name: "
                    + "letters, digits and -_. only; add job: my-job")
        }
    }
}
