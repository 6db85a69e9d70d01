import DovetailEngine
import DovetailTestPostgres
import Testing

@testable import DovetailPostgres

@Suite struct ConnectionCopyTests {
    @Test func copiesOutAndIn() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run(
                "CREATE TABLE a AS SELECT i AS n, 'row ' || i AS t FROM generate_series(1, 10000) i")
            try await db.run("CREATE TABLE b (n int, t text)")
            let from = try await db.connect()
            let bytes = try await from.perform { (session) throws in
                var bytes: [UInt8] = []
                var messages = 0
                try session.copyOut("COPY a TO STDOUT (FORMAT binary)") {
                    bytes += $0
                    messages += 1
                    return true
                }
                // The header comes with the first row or alone, as versions differ; the trailer alone.
                #expect((10_001...10_002).contains(messages))
                return bytes
            }
            let rows = try await from.perform { (session) throws in
                try session.copyIn("COPY b FROM STDIN (FORMAT binary)") { try $0.write(bytes) }
            }
            #expect(rows == 10_000)
            #expect(try await db.value("SELECT count(*) FROM a JOIN b USING (n, t)") == "10000")
        }
    }

    @Test func writesFieldsInBinary() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run("CREATE TABLE t (n int, x text)")
            let connection = try await db.connect()
            let rows = try await connection.perform { (session) throws in
                try session.copyIn("COPY t FROM STDIN (FORMAT binary)") { writer in
                    try writer.header()
                    for number in UInt8(0)..<200 {
                        try writer.row(2)
                        try writer.field([0, 0, 0, number])
                        if number == 7 {
                            try writer.null()
                        } else {
                            try writer.field([UInt8](repeating: 0x61, count: Int(number) * 50))
                        }
                    }
                    try writer.trailer()
                }
            }
            #expect(rows == 200)
            let told = try await db.run("SELECT count(*), sum(n), sum(length(x)), count(x) FROM t")
            #expect(told == [["200", "19900", "994650", "199"]])
        }
    }

    @Test func isReadOnDemandAndStoppedEarly() async throws {
        try await TestServer.shared().withDatabase { db in
            let connection = try await db.connect()
            try await connection.perform {
                try $0.beginCopyOut("COPY (SELECT i FROM generate_series(1, 1000000) i) TO STDOUT")
            }
            var sum = 0
            for _ in 0..<10 {
                sum += try await connection.perform { (session) throws in
                    var sum = 0
                    for _ in 0..<10 {
                        let text = try session.nextCopyData { String(decoding: $0, as: UTF8.self) }
                        sum += text.flatMap { Int($0.dropLast()) } ?? 0
                    }
                    return sum
                }
            }
            #expect(sum == 5050)
            try await connection.perform { try $0.endCopyOut() }
            #expect(try await connection.text("SELECT 'at rest'") == "at rest")

            // In batches, each in a call of its own.
            try await connection.perform {
                try $0.beginCopyOut("COPY (SELECT 1 FROM generate_series(1, 2500)) TO STDOUT")
            }
            var batches: [Int] = []
            var isMore = true
            while isMore {
                let (count, more) = try await connection.perform { session in
                    var count = 0
                    let more = try session.readCopyData { _ in
                        count += 1
                        return count < 1000
                    }
                    return (count, more)
                }
                batches.append(count)
                isMore = more
            }
            #expect(batches == [1000, 1000, 500])

            // And to the end.
            let count = try await connection.perform { (session) throws in
                try session.beginCopyOut("COPY (SELECT 1 FROM generate_series(1, 5)) TO STDOUT")
                var count = 0
                while try session.nextCopyData({ _ in }) != nil { count += 1 }
                #expect(try session.nextCopyData({ _ in }) == nil)
                try session.endCopyOut()
                return count
            }
            #expect(count == 5)
            var seen = 0
            seen = try await connection.perform { (session) throws in
                var seen = 0
                try session.copyOut("COPY (SELECT 1 FROM generate_series(1, 1000000)) TO STDOUT") { _ in
                    seen += 1
                    return seen < 3
                }
                return seen
            }
            #expect(seen == 3)
            #expect(try await connection.text("SELECT 'at rest'") == "at rest")
        }
    }

    @Test func anErrorInTheMiddleIsTold() async throws {
        try await TestServer.shared().withDatabase { db in
            let connection = try await db.connect()
            try await connection.perform { (session) throws in
                var rows = 0
                let failure = #expect(throws: PostgresFailure.self) {
                    try session.copyOut("COPY (SELECT 1 / (5 - i) FROM generate_series(1, 9) i) TO STDOUT") {
                        _ in
                        rows += 1
                        return true
                    }
                }
                #expect(failure?.sqlState == "22012" && rows == 4)
                #expect(throws: Stop.self) {
                    try session.copyOut("COPY (SELECT 1 FROM generate_series(1, 9)) TO STDOUT") { _ in
                        throw Stop()
                    }
                }
                #expect(try session.execute("SELECT 1").int(0, 0) == 1)
            }
        }
    }

    @Test func whatIsFedWronglyIsNotStored() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run("CREATE TABLE t (n int PRIMARY KEY)")
            let connection = try await db.connect()
            try await connection.perform { (session) throws in
                let sql = "COPY t FROM STDIN"
                let bad = #expect(throws: PostgresFailure.self) {
                    _ = try session.copyIn(sql) { try $0.write(Array("1\n2\nx\n".utf8)) }
                }
                #expect(bad?.sqlState == "22P02" && bad?.context?.contains("line 3, column n") == true)
                let double = #expect(throws: PostgresFailure.self) {
                    _ = try session.copyIn(sql) {
                        for _ in 0..<100_000 { try $0.write(Array("1\n2\n".utf8)) }
                    }
                }
                #expect(double?.sqlState == "23505" && double?.constraint == "t_pkey")
                #expect(throws: Stop.self) {
                    _ = try session.copyIn(sql) {
                        try $0.write(Array("1\n".utf8))
                        throw Stop()
                    }
                }
                #expect(try session.execute("SELECT count(*) FROM t").int(0, 0) == 0)
                #expect(try session.copyIn(sql) { _ in } == 0)
            }
        }
    }

    @Test func otherStatementsAreRefusedAndLeaveTheConnectionAtRest() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run("CREATE TABLE t (n int)")
            let connection = try await db.connect()
            try await connection.perform { (session) throws in
                #expect(throws: PostgresFailure.self) { try session.copyOut("SELECT 1") { _ in true } }
                #expect(throws: PostgresFailure.self) { _ = try session.copyIn("SELECT 1") { _ in } }
                #expect(throws: PostgresFailure.self) {
                    try session.copyOut("COPY t FROM STDIN") { _ in true }
                }
                #expect(throws: PostgresFailure.self) { _ = try session.copyIn("COPY t TO STDOUT") { _ in } }
                #expect(throws: PostgresFailure.self) { try session.execute("COPY t TO STDOUT") }
                #expect(throws: PostgresFailure.self) { try session.execute("COPY t FROM STDIN") }
                #expect(throws: PostgresFailure.self) { try session.run("SELECT 1; COPY t FROM STDIN") }
                #expect(throws: PostgresFailure.self) {
                    try session.copyOut("COPY missing TO STDOUT") { _ in true }
                }
                #expect(try session.execute("SELECT 1").int(0, 0) == 1)
            }
        }
    }
}
