import Testing

@testable import DovetailJobs

@Suite("A written job file")
struct JobFileTemplateTests {
    @Test("it reads like one written by hand")
    func example() {
        let yaml = JobFile.template(
            JobTemplate(
                job: "my benches", left: .init(label: "vejle", source: "gpkg:data/vejle.gpkg"),
                right: .init(label: "geofa", source: "postgresql://sync:${PW}@h/fkg"),
                tables: [
                    TableTemplate(
                        name: "benches", right: "fkg.benches", match: .fields(["objekt_id"]),
                        matchReason: "objekt_id is the primary key on both sides.",
                        fields: [.init(name: "type", right: "facil_ty_k")],
                        skipped: [.init(field: "note", side: .left, reason: "the right side has none")],
                        notes: ["120 records left,\n118 right."])
                ]))
        #expect(
            yaml.contains(
                """
                job: my-benches

                # Relative paths start at this file's folder; ${NAME} reads the environment, for passwords.
                left:
                  label: vejle
                  source: gpkg:data/vejle.gpkg
                right:
                  label: geofa
                  source: "postgresql://sync:${PW}@h/fkg"

                direction: both  # both · left-to-right · right-to-left

                tables:
                  benches:
                    # 120 records left,
                    # 118 right.
                    right: fkg.benches
                    # objekt_id is the primary key on both sides.
                    match: [objekt_id]
                    fields:
                      type: {right: facil_ty_k}
                    # Fields that take no part:
                    # - note (left): the right side has none

                """))
    }

    static let hostile = [
        "yes", "No", "null", "~", "a: b", "#x", "x #y", "- a", "'", "\"", "it's \"so\"", "🪑 bænk", "👩‍👩‍👧",
        " lead",
        "trail ", "a\nb", "tab\there", "$", "$$", "${HOME}", "a$b", "[x]", "{x: y}", "a, b", "&a", "*a", "!t",
        "|",
        ">", "%", "@at", "`", "?", "? a", ":", "a:", "a:b", "1", "1.5", "-", "--- ", "...", "<<", "=", "id",
        "content", "all", "default", "\\n", "\\", "e\u{301}", "x\u{FEFF}y", "\u{85}\u{2028}x", "\u{7}bell",
        "\u{E000}x", "dash-ed", "dot.ted", "back\r\nslash", String(repeating: "long ", count: 150) + "x",
    ]

    @Test("names of any kind come back as they were", arguments: hostile)
    func roundTrip(name: String) throws {
        try check(name: name, other: "x" + name)
    }

    @Test("names of random characters come back as they were")
    func randomRoundTrip() throws {
        let alphabet = Array(
            "ab yn0.:#-?,[]{}&*!|>'\"%@`\\$~=<\t\n\r\u{85}\u{2029}\u{A0}é🪑\u{301}\u{200D}\u{1}")
        var seed: UInt64 = 20_261_121
        for _ in 0..<300 {
            var name = ""
            for _ in 0...(seed >> 33) % 7 {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                name.append(alphabet[Int((seed >> 33) % UInt64(alphabet.count))])
            }
            guard !name.allSatisfy(\.isWhitespace) else { continue }
            try check(name: name, other: "x" + name)
        }
    }

    private func check(name: String, other: String) throws {
        let label = String(name.map { $0.isNewline ? " " : $0 }) + "."
        var field = JobFile.Field(name: name, left: "l" + name, right: other)
        field.conflicts = .newest(field: name)
        field.tolerance = 0.001
        let yaml = JobFile.template(
            JobTemplate(
                job: name, left: .init(label: "l" + label, source: "a.gpkg"),
                right: .init(label: label, source: "b.gpkg"),
                tables: [
                    TableTemplate(
                        name: name, left: other, right: name, match: .fields([name, other]),
                        matchReason: name,
                        fields: [field, .init(name: other, only: .left)].filter { $0.name == name },
                        skipped: [.init(field: name, side: .right, reason: name)], notes: [name])
                ]))
        let job = try JobFile.parse(yaml: yaml, path: "/j/x.yaml", environment: [:])
        var table = JobFile.Table(name: name, left: other, right: name)
        table.match = .fields([name, other])
        table.fields = .mapped([field])
        #expect(job.left.label == "l" + label && job.right.label == label)
        #expect(job.tables == .listed([table]), "\(yaml)")
    }

    @Test("a template without tables is for all of them, and every kind of match is written")
    func otherForms() throws {
        let left = JobTemplate.Replica(label: "a", source: "a.gpkg")
        let right = JobTemplate.Replica(label: "b", source: "b.gpkg")
        let all = JobFile.template(JobTemplate(job: "", left: left, right: right, tables: []))
        let job = try JobFile.parse(yaml: all, path: "x.yaml", environment: [:])
        #expect(job.tables == .all && job.job == "job")
        #expect(job.limits.deletes == .init(share: 0.2))
        let tables = [TableTemplate(name: "i", match: .id), TableTemplate(name: "c", match: .content)]
        let two = JobFile.template(JobTemplate(job: "two", left: left, right: right, tables: tables))
        let matches = try JobFile.parse(yaml: two, path: "x.yaml", environment: [:]).tables.listed.map(
            \.match)
        #expect(matches == [.id, .content])
    }
}
