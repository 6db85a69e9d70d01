import Foundation
import Testing

@Suite struct InterruptionTests {
    private func manyRecords() throws -> Workplace {
        let place = try Workplace()
        try place.sql("a.sqlite", Workplace.benches)
        try place.sql("b.sqlite", Workplace.benches)
        try place.sql(
            "a.sqlite",
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
            INSERT INTO benches SELECT i, 'B' || i, 'Bench ' || i, 1, NULL FROM n;
            """)
        try place.job()
        return place
    }

    @Test func `an interrupted sync says so, and the next one completes it`() throws {
        let place = try manyRecords()
        let process = Process()
        process.executableURL = try Workplace.binary()
        process.arguments = ["sync", "job"]
        process.currentDirectoryURL = place.folder
        let pipe = Pipe()
        process.standardOutput = FileHandle(forWritingAtPath: "/dev/null")
        process.standardError = pipe
        try process.run()
        var said = Data()
        // The first chunk is written: now is the middle of the run.
        while !String(decoding: said, as: UTF8.self).contains(" of 60000") {
            let more = pipe.fileHandleForReading.availableData
            if more.isEmpty { break }
            said += more
        }
        let status = try place.run("status", "job")
        #expect(
            status.out.contains("is being run by process \(process.processIdentifier) on "), "\(status.out)")
        process.interrupt()
        said += try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let words = String(decoding: said, as: UTF8.self)
        #expect(process.terminationStatus == 1)
        #expect(words.contains("interrupted; run it again to complete"))
        #expect(try place.rows("b.sqlite", "SELECT count(*) FROM benches") != ["0"])
        #expect(try place.run("status").out.contains("interrupted; run it again to complete"))
        #expect(try place.run("sync", "job").status == 0)
        let count = try place.rows("b.sqlite", "SELECT count(*), count(DISTINCT code) FROM benches")
        #expect(count == ["60000|60000"])
    }
}
