import Testing

@testable import DovetailJobs

@Suite("A source")
struct JobFileSourceTests {
    @Test(
        "a local source has a scheme and an absolute path",
        arguments: [
            ("gpkg:data/a.gpkg", "gpkg", "/jobs/data/a.gpkg"), ("GPKG:../a", "gpkg", "/a"),
            ("sqlite:/x/./y/../a.db", "sqlite", "/x/a.db"), ("a.gpkg", "gpkg", "/jobs/a.gpkg"),
            ("~/A.GPKG", "gpkg", "/home/me/A.GPKG"), ("a.db", "sqlite", "/jobs/a.db"),
            ("a.sqlite", "sqlite", "/jobs/a.sqlite"), ("x/a.sqlite3", "sqlite", "/jobs/x/a.sqlite3"),
            ("a.geojson", "geojson", "/jobs/a.geojson"), ("csv:~", "csv", "/home/me"),
            ("a b.csv", "csv", "/jobs/a b.csv"), ("files:photos", "files", "/jobs/photos"),
            ("./odd:name.gpkg", "gpkg", "/jobs/odd:name.gpkg"),
        ])
    func local(text: String, scheme: String, path: String) throws {
        let source = try SourceReference(text, relativeTo: "/jobs", home: "/home/me")
        #expect(source.scheme.rawValue == scheme)
        #expect(source.resolvedPath == path)
        #expect(source.url == nil)
        #expect(source.unmasked == text && source.description == text)
    }

    @Test(
        "a server has a scheme and an address",
        arguments: [
            ("postgresql://sync@localhost/fkg", "postgresql", "postgresql://sync@localhost/fkg"),
            ("postgres://h/d", "postgresql", "postgresql://h/d"),
            ("postgresql://", "postgresql", "postgresql://"),
            ("service=fkg", "postgresql", "service=fkg"),
            ("host = db dbname='a b.db'", "postgresql", "host = db dbname='a b.db'"),
            (
                "postgresql:///d?host=/run/pg&connect_timeout=5&options=-c%20lock_timeout%3D5s", "postgresql",
                "postgresql:///d?host=/run/pg&connect_timeout=5&options=-c%20lock_timeout%3D5s"
            ),
            ("nextgisweb+https://gis.example.org", "nextgisweb", "https://gis.example.org"),
            ("nextgisweb+http://localhost:8080", "nextgisweb", "http://localhost:8080"),
            ("gc2+https://h/d", "gc2", "https://h/d"), ("files:sftp://h/p", "files", "sftp://h/p"),
        ])
    func server(text: String, scheme: String, url: String) throws {
        let source = try SourceReference(text, relativeTo: "/jobs")
        #expect(source.scheme.rawValue == scheme)
        #expect(source.url == url)
        #expect(source.resolvedPath == nil)
    }

    @Test(
        "what is no source is refused with the forms that are",
        arguments: [
            (
                "data/a",
                "the source has no scheme, and neither its ending nor its content tells one; write one of gpkg:PATH, sqlite:PATH, "
                    + "postgresql://HOST/DATABASE, nextgisweb+https://HOST, gc2+https://HOST/DATABASE, "
                    + "geojson:PATH, csv:PATH, files:PATH, program:PATH ARGUMENTS, documents:PATH, hub+https://HOST/SET"
            ),
            ("pgkg:a.gpkg", "“pgkg:” is not a known scheme; did you mean “gpkg:”?"),
            ("postgresq://u:p@h", "“postgresq:” is not a known scheme; did you mean “postgresql:”?"),
            ("gpkg:", "the source is incomplete; write gpkg:PATH"),
            ("postgresql:h", "the source is incomplete; write postgresql://HOST/DATABASE"),
            ("nextgisweb://h", "the source is incomplete; write nextgisweb+https://HOST"),
            ("gc2+https://", "the source is incomplete; write gc2+https://HOST/DATABASE"),
        ])
    func refused(text: String, message: String) {
        #expect(complaints("left: '\(text)'\nright: a.db\ntables: all") == "job.yaml:1:1: left: \(message)")
    }

    @Test(
        "secrets are masked, too much rather than too little",
        arguments: [
            ("postgresql://sync:secret@host/db", "postgresql://sync:***@host/db"),
            ("postgresql://sync:a@b/c@host/db", "postgresql://sync:***@host/db"),
            ("postgresql://sync:a/b@host/db", "postgresql://sync:***@host/db"),
            ("postgresql://sync:a?b@host/db", "postgresql://sync:***@host/db"),
            ("postgresql://:secret@host", "postgresql://:***@host"),
            (
                "postgresql://host:5432/db?user=x&password=secret",
                "postgresql://host:5432/db?user=x&password=***"
            ),
            (
                "gc2+https://h/d?API_KEY=s&x=1;accessToken=t",
                "gc2+https://h/d?API_KEY=***&x=1;accessToken=***"
            ),
            ("gc2+https://h:80/d?mail=a@b", "gc2+https://h:80/d?mail=a@b"),
            ("nextgisweb+https://user@host", "nextgisweb+https://user@host"),
            ("files:ftp://u:p@h/x", "files:ftp://u:***@h/x"),
            ("host=db password=secret user=x", "host=db password=*** user=x"),
            ("password='se cr\\'et' host=db", "password=*** host=db"),
            ("password = secret", "password = ***"), ("password=", "password=***"),
            ("password='secret", "password=***"), ("password=se cr et", "password=***"),
            ("password=se cret=1 user=x sslpassword=s", "password=*** user=x sslpassword=***"),
            ("program:p --token=s -v --password 'a b' x", "program:p --token=*** -v --password *** *** ***"),
            ("service=fkg passfile=/x", "service=fkg passfile=/x"),
            ("host=db options='-c lock_timeout=5s' port=1", "host=db options='-c lock_timeout=5s' port=1"),
        ])
    func masking(text: String, shown: String) throws {
        let source = try SourceReference(text, relativeTo: "/")
        #expect(source.description == shown)
        #expect(source.debugDescription == shown)
        #expect(source.unmasked == text)
    }

    @Test(
        "a program's path and folder are those of the job file, and its words are taken apart without a shell"
    )
    func program() throws {
        let source = try SourceReference("program:bin/serve 'a b' \"it's\" $HOME *", relativeTo: "/jobs")
        #expect(source.program?.path == "/jobs/bin/serve" && source.program?.folder == "/jobs")
        #expect(source.program?.arguments == ["a b", "it's", "$HOME", "*"])
        #expect(source.resolvedPath == nil)
        #expect(source != (try SourceReference("program:bin/serve b", relativeTo: "/jobs")))
        #expect(
            source
                == (try SourceReference("program:./bin/serve   \"a b\" \"it's\" $HOME *", relativeTo: "/jobs"))
        )
        #expect(
            complaints("left: 'program:'\nright: a.db\ntables: all").contains("write program:PATH ARGUMENTS"))
        #expect(complaints("left: program:a 'b\nright: a.db\ntables: all").contains("is never closed"))
    }

    @Test("two sources are the same when they reach the same store")
    func sameness() throws {
        let short = try SourceReference("a.gpkg", relativeTo: "/jobs")
        #expect(short == (try SourceReference("gpkg:../jobs/./a.gpkg", relativeTo: "/jobs")))
        #expect(short != (try SourceReference("sqlite:a.gpkg", relativeTo: "/jobs")))
        #expect(short != (try SourceReference("a.gpkg", relativeTo: "/other")))
    }
}
