import Testing

@testable import DovetailJobs

@Suite("A job file and the environment")
struct JobFileEnvironmentTests {
    @Test("${NAME} is read anywhere in a value, and $$ is a dollar")
    func substitution() throws {
        let job = try parseJob(
            """
            left: gpkg:${DIR}/a.gpkg
            right: {label: "${WHO} $$ ${WHO}", source: "postgresql://u:${PW}@h/d"}
            tables:
              t: {where: "a ~ '^x$' and b = '${WHO}'", match: ["${KEY}"]}
            limits: {changes: "${N}", deletes: "${P}"}
            """, environment: ["DIR": "/d", "WHO": "me", "PW": "a$${b", "KEY": "k", "N": "7", "P": "5%"])
        #expect(job.left.source.resolvedPath == "/d/a.gpkg")
        #expect(job.right.label == "me $ me")
        #expect(job.right.source.url == "postgresql://u:a$${b@h/d")
        #expect(job.tables.listed.first?.filter.left == "a ~ '^x$' and b = 'me'")
        #expect(job.tables.listed.first?.match == .fields(["k"]))
        #expect(job.limits == .init(deletes: .init(share: 0.05), changes: 7))
    }

    @Test(
        "what can't be read is named",
        arguments: [
            (
                "${NOWHERE}/a.gpkg",
                "the environment variable NOWHERE is not set; set it, or write $$ for a literal $"
            ),
            ("gpkg:${HOME", "“${” is not closed; write ${NAME}, or $$ for a literal $"),
            (
                "gpkg:${HOME:-x}",
                "“${” is not followed by the name of an environment variable; "
                    + "write ${NAME} with letters, digits and _, or $$ for a literal $"
            ),
            ("${EMPTY}", "“${EMPTY}” is empty in the environment; give a source such as gpkg:PATH"),
        ])
    func unreadable(source: String, message: String) {
        let yaml = "right: gpkg:b.gpkg\ntables: all\nleft: \"\(source)\""
        #expect(complaints(yaml, environment: ["EMPTY": ""]) == "job.yaml:3:1: left: \(message)")
    }

    @Test("no message repeats what a variable holds")
    func secrecy() {
        let yaml = """
            job: ${S}
            left: ${S}
            right: x${S}:y
            direction: ${S}
            tables:
              a:
                match: ["${S}", "${S}"]
                assigned: {by: "${S}", fields: "${S}"}
                conflicts: ${S}
                deletes: ${S}
                change_feed: ${S}
                references: {b: "${S}", c: "${S}.x", d: {table: "${S}", field: e}}
                fields: {b: {tolerance: "${S}", convert: "${S}", right: "${S}"}, c: {right: "${S}"}}
            limits: {deletes: "${S}%", changes: "${S}", on_empty_side: "${S}"}
            history: {runs: "${S}", values: "${S}"}
            state: x://${S}
            lock_wait: ${S}
            """
        for secret in [
            "hunter2", "hunter2://x:y@z", "hunter2 hunter2\nhunter2", "-hunter2", "hunter2:hunter2",
        ] {
            let text = complaints(yaml, environment: ["S": secret])
            #expect(!text.contains("hunter2"), "\(text)")
            #expect(text.split(separator: "\n").count >= 17, "\(text)")
        }
    }

    @Test("a job never shows a password, however it is printed")
    func printing() throws {
        let job = try parseJob(
            """
            left: postgresql://u:${PW}@h/d
            right: gc2+https://u:plain1@h/d?token=plain2&schema=x
            tables: all
            state: postgresql://u:${PW}@h/d
            """, environment: ["PW": "hunter2"])
        var dumped = ""
        dump(job, to: &dumped)
        for text in ["\(job)", String(reflecting: job), dumped, "\(job.left.source)"] {
            #expect(!text.contains("hunter2") && !text.contains("plain"), "\(text)")
        }
        let pairs = try parseJob(
            """
            left: host=${HOST} user=u password='${PW}'
            right: "service=fkg password=${PW} sslpassword=plain1"
            tables: all
            """, environment: ["PW": "hunter2 plain", "HOST": "db"])
        #expect(pairs.left.source.url == "host=db user=u password='hunter2 plain'")
        var pairsDumped = ""
        dump(pairs, to: &pairsDumped)
        for text in ["\(pairs)", pairsDumped] {
            #expect(!text.contains("hunter2") && !text.contains("plain"), "\(text)")
        }
        #expect(pairs.left.source.description == "host=${HOST} user=u password=***")
        #expect(job.left.source.description == "postgresql://u:***@h/d")
        #expect(job.right.source.description == "gc2+https://u:***@h/d?token=***&schema=x")
    }
}
