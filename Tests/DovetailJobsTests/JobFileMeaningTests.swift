import Foundation
import Testing

@testable import DovetailJobs

@Suite("What a job file says")
struct JobFileMeaningTests {
    @Test("the example of the design is read in full")
    func example() throws {
        let job = try parseJob(
            """
            job: benches
            left:
              label: vejle                       # how output calls this side
              source: gpkg:data/vejle.gpkg
              change_feed: true
            right:
              label: geofa
              source: postgresql://sync@localhost/fkg
            direction: both
            tables:
              benches:
                left: GeoFA_5800_fac_pkt
                right: fkg.t_5800_fac_pkt
                match: [objekt_id]
                assigned: {by: right, fields: [objekt_id, versions_id, systid_fra]}
                fields:
                  navn: navn
                  type_kode: {right: facil_ty_k}
                  secret_note: {only: left}
                where: {left: "kommune = 630"}
                conflicts: {default: ask, note: merge, status: left}
                deletes: propagate
            conflicts: ask
            limits: {deletes: 20%, changes: 50000, on_empty_side: stop}
            history: {runs: 50, days: 30, values: full}
            """)
        #expect(job.job == "benches")
        #expect(job.left.label == "vejle")
        #expect(job.left.source.resolvedPath == "/work/data/vejle.gpkg")
        #expect(job.right.source.url == "postgresql://sync@localhost/fkg")
        #expect(job.direction == .both)
        let table = try #require(job.tables.listed.first)
        #expect(table.name == "benches")
        #expect(table.name(on: .left) == "GeoFA_5800_fac_pkt")
        #expect(table.name(on: .right) == "fkg.t_5800_fac_pkt")
        #expect(table.match == .fields(["objekt_id"]))
        #expect(table.assigned == .init(by: .right, fields: ["objekt_id", "versions_id", "systid_fra"]))
        #expect(
            table.fields
                == .mapped([
                    .init(name: "navn"), .init(name: "type_kode", right: "facil_ty_k"),
                    .init(name: "secret_note", only: .left),
                ]))
        #expect(table.filter == .init(left: "kommune = 630", right: nil))
        #expect(table.conflicts == .init(default: .ask, fields: ["note": .merge, "status": .left]))
        #expect(table.deletes == .propagate)
        #expect(job.limits == .init(deletes: .init(share: 0.2), changes: 50000, onEmptySide: .stop))
        #expect(job.history == .init())
        #expect(job.changeFeed(of: table, on: .left))
        #expect(!job.changeFeed(of: table, on: .right))
    }

    @Test("the short forms mean the same as the long ones")
    func shortForms() throws {
        let short = try parseJob(twoSides + "tables: [benches]")
        let long = try parseJob(
            """
            job: benches
            left: {label: left, source: gpkg:/work/a.gpkg}
            right: {label: right, source: gpkg:./b.gpkg}
            direction: both
            tables:
              benches: {left: benches, right: benches}
            conflicts: ask
            deletes: propagate
            busy_timeout: 5
            """)
        #expect(short == long)
        #expect(try parseJob(twoSides + "tables: all").tables == .all)
        #expect(try parseJob(twoSides + "tables:\n  benches:\n").tables == short.tables)
    }

    @Test(
        "records are matched by fields, by id or by content",
        arguments: [
            ("[a, b]", .fields(["a", "b"])), ("a", .fields(["a"])), ("[id]", .fields(["id"])), ("id", .id),
            ("content", .content), ("[no, 1]", .fields(["no", "1"])),
        ] as [(String, JobFile.Match)])
    func matches(text: String, match: JobFile.Match) throws {
        let job = try parseJob(twoSides + "tables: {t: {match: \(text)}}")
        #expect(job.tables.listed.first?.match == match)
    }

    @Test("a field says how it is compared")
    func fields() throws {
        let job = try parseJob(
            twoSides + """
                tables:
                  t:
                    fields:
                      done: {convert: bool}
                      geom: {left: shape, right: the_geom, convert: multi, tolerance: 0.001}
                      tags: {unordered: yes, unicode: nfc, conflicts: {newest: changed}}
                      plain:
                """)
        var done = JobFile.Field(name: "done")
        done.convert = .bool
        var geometry = JobFile.Field(name: "geom", left: "shape", right: "the_geom")
        geometry.convert = .multi
        geometry.tolerance = 0.001
        var tags = JobFile.Field(name: "tags")
        tags.unordered = true
        tags.unicode = .nfc
        tags.conflicts = .newest(field: "changed")
        #expect(job.tables.listed.first?.fields == .mapped([done, geometry, tags, .init(name: "plain")]))
        let list = try parseJob(twoSides + "tables: {t: {fields: [a, b], ignore: [c]}}")
        #expect(list.tables.listed.first?.fields == .only(["a", "b"]))
        #expect(list.tables.listed.first?.ignore == ["c"])
    }

    @Test("the nearest policy decides: the field's, the table's, the job's")
    func policies() throws {
        let job = try parseJob(
            twoSides + """
                conflicts: {newest: changed}
                deletes: keep
                tables:
                  a:
                    conflicts: {default: left, note: merge, newest: ask}
                    fields: {status: {conflicts: right}}
                  b: {conflicts: {newest: time}, deletes: ask}
                  c:
                """)
        let (a, b, c) = (job.tables.listed[0], job.tables.listed[1], job.tables.listed[2])
        #expect(job.policy(for: "status", of: a) == .right)
        #expect(job.policy(for: "note", of: a) == .merge)
        #expect(job.policy(for: "newest", of: a) == .ask)
        #expect(job.policy(for: "other", of: a) == .left)
        #expect(job.policy(for: "other", of: b) == .newest(field: "time"))
        #expect(job.policy(for: "other", of: c) == .newest(field: "changed"))
        #expect(job.deletes(of: b) == .ask)
        #expect(job.deletes(of: c) == .keep)
    }

    @Test("limits, history, state and waiting times are read")
    func settings() throws {
        let job = try parseJob(
            twoSides + """
                tables: all
                direction: left-to-right
                limits: {deletes: {share: 12.5 %, number: 1_000}, on_empty_side: allow}
                history: {runs: 5, days: 0, values: masked, masked: [cpr, name]}
                state: ../state
                lock_wait: 30
                busy_timeout: 0.5
                change_feed: true
                """)
        #expect(job.direction == .leftToRight)
        #expect(job.limits.deletes == .init(share: 0.125, number: 1000))
        #expect(job.limits.changes == nil)
        #expect(job.limits.onEmptySide == .allow)
        #expect(job.history.runs == 5 && job.history.days == 0)
        #expect(job.history.values == .masked && job.history.masked == ["cpr", "name"])
        #expect(job.state == .path("/state"))
        #expect(job.lockWait == 30 && job.busyTimeout == 0.5)
        #expect(job.changeFeed(on: .left) && job.changeFeed(on: .right))
        let other = try parseJob(
            twoSides + "tables: all\nlimits: {deletes: 500}\nstate: postgresql://u:p@h/d")
        #expect(other.limits.deletes == .init(number: 500))
        #expect(other.state?.description == "postgresql://u:***@h/d")
        let service = try parseJob(twoSides + "tables: all\nstate: service=fkg password=p")
        #expect(service.state?.description == "service=fkg password=***")
    }

    @Test("a reference names a table of the job and a field")
    func references() throws {
        let job = try parseJob(
            twoSides + """
                tables:
                  fkg.sites:
                  photos:
                    references: {site: fkg.sites.id, other: {table: photos, field: id}}
                """)
        #expect(
            job.tables.listed[1].references == [
                .init(field: "site", table: "fkg.sites", tableField: "id"),
                .init(field: "other", table: "photos", tableField: "id"),
            ])
    }

    @Test("one condition is for both sides")
    func conditions() throws {
        let job = try parseJob(twoSides + "tables: {t: {where: kommune = 630}}")
        #expect(job.tables.listed.first?.filter == .init(left: "kommune = 630", right: "kommune = 630"))
    }

    @Test("without a name the file's base name is the job's")
    func name() throws {
        let job = try JobFile.parse(
            yaml: twoSides + "tables: all", path: "/x/træer-2.v1.yaml", environment: [:])
        #expect(job.job == "træer-2.v1")
        #expect(job.folder == "/x")
    }

    @Test("a place in the file is known for messages that come later")
    func places() throws {
        let job = try parseJob(twoSides + "tables:\n  a.b:\n    match: [x]\n")
        let problem = job.problem(
            at: JobFile.keyPath("tables", "a.b", "match") + "[0]", "no such field", hint: "did you mean “y”?")
        #expect(
            problem.description
                == #"/work/benches.yaml:5:5: tables."a.b".match[0]: no such field; did you mean “y”?"#)
        #expect(job.places["nowhere"] == .init(line: 1, column: 1))
    }

    @Test("a job file is loaded from the disk")
    func load() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("trees.yaml")
        try Data("\u{FEFF}\(twoSides)tables: all\r\n".utf8).write(to: file)
        #expect(try JobFile.load(path: file.path).job == "trees")
        try Data([0x61, 0xFF]).write(to: file)
        #expect(throws: JobFileError.self) { try JobFile.load(path: file.path) }
        #expect(loadComplaint(folder.path) == "this is a folder; give the path of a job file in it")
        #expect(loadComplaint(file.path) == "the file is not UTF-8 text; save it as UTF-8")
        #expect(loadComplaint(file.path + "x") == "no such file; give the path of a job file")
    }

    private func loadComplaint(_ path: String) -> String {
        do {
            _ = try JobFile.load(path: path, environment: [:])
            return "nothing"
        } catch {
            return String(error.description.dropFirst(path.count + 2))
        }
    }
}
