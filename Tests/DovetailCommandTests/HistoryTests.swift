import Foundation
import Testing

/// What the history keeps, and for whom.
struct HistoryTests {
    @Test("a stricter history setting reaches back with the next sync, even when that finds nothing to do")
    func retentionReachesBack() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job()
        #expect(try place.run("sync", "job", "-q").status <= 3)
        try place.sql("a.sqlite", "UPDATE benches SET name = 'secret-4711' WHERE code = 'B1'")
        _ = try place.run("sync", "job", "-q")
        let run = try place.run("runs", "job")
        #expect(run.status == 0)
        #expect(try place.run("runs", "job", "2").out.contains("secret-4711"))
        try place.job("history: {values: none}")
        _ = try place.run("sync", "job", "-q")
        #expect(try !place.run("runs", "job", "2").out.contains("secret-4711"))
    }

    @Test("masked fields are left out, and the others still told")
    func maskedFields() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job("history: {masked: [name]}")
        _ = try place.run("sync", "job", "-q")
        try place.sql("a.sqlite", "UPDATE benches SET name = 'secret-4711', kind = 99 WHERE code = 'B1'")
        _ = try place.run("sync", "job", "-q")
        let told = try place.run("runs", "job", "2").out
        #expect(told.contains("kind") && told.contains("99"))
        #expect(!told.contains("secret-4711"))
    }

    @Test("a run that only tried waiting records again leaves no trace")
    func retryingIsQuiet() throws {
        let place = try Workplace()
        try place.sql(
            "a.sqlite",
            "CREATE TABLE t (code TEXT PRIMARY KEY, name TEXT); INSERT INTO t VALUES ('1', 'x'), ('2', 'y')")
        try place.sql(
            "b.sqlite",
            "CREATE TABLE t (code TEXT PRIMARY KEY, name TEXT UNIQUE); INSERT INTO t VALUES ('3', 'x')")
        try place.job(tables: "tables: {t: {match: [code]}}")
        #expect(try place.run("sync", "job", "-q").status == 3)
        let before = try place.run("runs", "job").out
        #expect(try place.run("sync", "job", "-q").status == 3)
        #expect(try place.run("runs", "job").out == before)
    }
}
