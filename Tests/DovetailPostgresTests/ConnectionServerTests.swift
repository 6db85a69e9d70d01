import DovetailEngine
import DovetailTestPostgres
import Foundation
import Testing

@testable import DovetailPostgres

/// What needs a server of our own: its `pg_hba.conf`, its certificates, its end.
@Suite(.timeLimit(.minutes(10))) struct ConnectionServerTests {
    @Test func whoIsNotLetIn() async throws {
        try await TestServer.withOwn { server in
            try await server.withDatabase { db in
                let role = try await db.makeRole()
                #expect(
                    try await db.connect(db.tcp(role.name, password: role.password)).text("SELECT 'in'")
                        == "in")

                let wrong = await refusalToOpen(db.tcp(role.name, password: "wrong-4711"))
                #expect(wrong?.kind == .forbidden)
                #expect(
                    wrong?.message.contains("password authentication failed for user \"\(role.name)\"")
                        == true)
                #expect(wrong?.message.contains("wrong-4711") == false)
                let none = await refusalToOpen(db.tcp(role.name, password: nil, ["passfile": "/none"]))
                #expect(none?.kind == .forbidden && none?.message.contains("no password supplied") == true)
                let nobody = await refusalToOpen(Conninfo.changing(db.conninfo, ["user": "nobody_at_all"]))
                #expect(nobody?.kind == .forbidden)
                #expect(nobody?.message.contains("role \"nobody_at_all\" does not exist") == true)
                let nowhere = await refusalToOpen(Conninfo.changing(db.conninfo, ["dbname": "no_such"]))
                #expect(nowhere?.kind == .missing)
                #expect(nowhere?.message.contains("database \"no_such\" does not exist") == true)
                let outsider = await refusalToOpen(db.tcp("dovetail_outsider", password: "x"))
                #expect(outsider?.kind == .forbidden && outsider?.message.contains("pg_hba.conf") == true)
                try await db.run("CREATE ROLE no_login")
                let locked = await refusalToOpen(Conninfo.changing(db.conninfo, ["user": "no_login"]))
                #expect(
                    locked?.kind == .forbidden && locked?.message.contains("not permitted to log in") == true)
                for error in [wrong, none, nobody, nowhere, outsider, locked] {
                    #expect(error?.message.contains("LOCATION") == false)
                    #expect(error?.message.contains(role.password) == false)
                }
            }
        }
    }

    @Test func connectsOverTLS() async throws {
        try await TestServer.withOwn { server in
            try await server.withDatabase { db in
                let role = try await db.makeRole()
                let sql = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
                func conninfo(_ mode: String, _ changes: [String: String] = [:]) -> String {
                    db.tcp(role.name, password: role.password, changes.merging(["sslmode": mode]) { $1 })
                }
                #expect(try await db.connect(conninfo("disable")).text(sql) == "false")
                #expect(try await db.connect(conninfo("require")).text(sql) == "true")
                let trusted = ["sslrootcert": server.authority]
                #expect(try await db.connect(conninfo("verify-ca", trusted)).text(sql) == "true")
                let byName = trusted.merging(["host": "localhost", "hostaddr": "127.0.0.1"]) { $1 }
                let verified = try await db.connect(conninfo("verify-full", byName))
                #expect(try await verified.text(sql) == "true")

                // A statement over TLS is cancelled like any other.
                let task = Task { try await verified.text("SELECT 'never' FROM pg_sleep(68)") }
                try await eventually("it runs") {
                    let sql =
                        "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(68)' AND state = 'active'"
                    return try await db.value(sql) != nil
                }
                task.cancel()
                await #expect(throws: CancellationError.self) { _ = try await task.value }
                #expect(try await verified.text(sql) == "true")

                let otherName = await refusalToOpen(conninfo("verify-full", trusted))
                #expect(otherName?.kind == .forbidden && otherName?.message.contains("sslmode") == true)
                let noRoot = await refusalToOpen(conninfo("verify-full", ["sslrootcert": "/none/ca.crt"]))
                #expect(noRoot?.kind == .forbidden && noRoot?.message.contains("root certificate") == true)
                let strangers = FileManager.default.temporaryDirectory.appendingPathComponent(
                    "dovetail-\(UUID()).crt")
                defer { try? FileManager.default.removeItem(at: strangers) }
                try Self.strangersCertificate.write(to: strangers, atomically: true, encoding: .utf8)
                let unknown = await refusalToOpen(conninfo("verify-ca", ["sslrootcert": strangers.path]))
                #expect(unknown?.kind == .forbidden && unknown?.message.contains("certificate") == true)
                let needed = await refusalToOpen(
                    db.tcp("dovetail_tls_only", password: "x", ["sslmode": "disable"]))
                #expect(needed?.kind == .forbidden && needed?.message.contains("no encryption") == true)

                try await db.run("ALTER SYSTEM SET ssl = off")
                try await db.run("SELECT pg_reload_conf()")
                try await eventually("TLS is off") { try await server.run("SHOW ssl").first?.first == "off" }
                let refused = await refusalToOpen(conninfo("require"))
                #expect(refused?.kind == .forbidden && refused?.message.contains("doesn't offer") == true)
            }
        }
    }

    @Test func aRestartInTheMiddle() async throws {
        try await TestServer.withOwn { server in
            try await server.withDatabase { db in
                try await db.run("CREATE TABLE t (n int)")
                let conninfo = db.conninfo
                let connection = try await db.connect()
                let copying = try await db.connect()
                let task = Task {
                    await refusal {
                        try await connection.perform { session in
                            try session.transaction(.readCommitted) {
                                try session.execute("INSERT INTO t VALUES (1)")
                                try session.execute("SELECT pg_sleep(69)")
                            }
                        }
                    }
                }
                try await copying.perform {
                    try $0.beginCopyOut("COPY (SELECT i FROM generate_series(1, 100000000) i) TO STDOUT")
                }
                try await eventually("it runs") {
                    let sql =
                        "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(69)' AND state = 'active'"
                    return try await db.value(sql) != nil
                }
                try await server.down()
                let lost = await task.value
                #expect(lost?.kind == .unreachable && lost?.message.contains("run again") == true)
                let lostCopy = await refusal {
                    try await copying.perform { while try $0.nextCopyData({ _ in }) != nil {} }
                }
                #expect(lostCopy?.kind == .unreachable)
                let gone = await refusalToOpen(conninfo)
                #expect(gone?.kind == .unreachable)

                try await server.up()
                let again = try await db.connect()
                #expect(try await again.text("SELECT count(*)::text FROM t") == "0")
                await connection.close()
                await copying.close()
            }
        }
    }

    /// A server that crashes gives no SQLSTATE, and libpq notices the end later than the failed write.
    @Test(arguments: [false, true]) func aCrashWhileNothingIsAsked(overTCP: Bool) async throws {
        try await TestServer.withOwn { server in
            try await server.withDatabase { db in
                let role = try await db.makeRole()
                let conninfo = overTCP ? db.tcp(role.name, password: role.password) : db.conninfo
                let asking = try await db.connect(conninfo)
                let filling = try await db.connect(conninfo)
                let copying = try await db.connect(conninfo)
                try await filling.perform { _ = try $0.run("CREATE TEMPORARY TABLE t (n text)") }
                try await copying.perform {
                    try $0.beginCopyOut("COPY (SELECT i FROM generate_series(1, 100000000) i) TO STDOUT")
                }
                try await server.down()
                try await server.up()
                let asked = try await asking.failure("SELECT 1")
                #expect(asked?.connectionLost == true, "\(String(describing: asked))")
                let filled = try await filling.perform { session -> PostgresFailure? in
                    do {
                        _ = try session.copyIn("COPY t FROM STDIN") { writer in
                            for _ in 0..<1000 { try writer.write(Array(repeating: 10, count: 1 << 16)) }
                        }
                        return nil
                    } catch let failure as PostgresFailure {
                        return failure
                    }
                }
                #expect(filled?.connectionLost == true, "\(String(describing: filled))")
                let copied = try await copying.perform { session -> PostgresFailure? in
                    do {
                        while try session.nextCopyData({ _ in }) != nil {}
                        return nil
                    } catch let failure as PostgresFailure {
                        return failure
                    }
                }
                #expect(copied?.connectionLost == true, "\(String(describing: copied))")
                for connection in [asking, filling, copying] {
                    #expect(try await connection.perform { !$0.isOpen })
                }
                let after = await refusal { try await asking.text("SELECT 1") }
                #expect(after?.kind == .unreachable && after?.message.contains("run again") == true)
            }
        }
    }

    /// A server that doesn't react to a cancel request is left.
    @Test func aServerThatHangs() async throws {
        try await TestServer.withOwn { server in
            try await server.withDatabase { db in
                let connection = try await db.connect()
                let process = try await connection.perform { $0.backendPID }
                let task = Task { try await connection.text("SELECT 'never' FROM pg_sleep(70)") }
                try await eventually("it runs") {
                    let sql =
                        "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(70)' AND state = 'active'"
                    return try await db.value(sql) != nil
                }
                try #require(kill(process, SIGSTOP) == 0)
                let begun = ContinuousClock.now
                task.cancel()
                await #expect(throws: CancellationError.self) { _ = try await task.value }
                kill(process, SIGCONT)
                #expect((.seconds(9)...(.seconds(20))).contains(ContinuousClock.now - begun))
                let after = await refusal { try await connection.text("SELECT 1") }
                #expect(after?.kind == .unreachable)
            }
        }
    }

    /// Of `script/postgres`: whoever asked for a server may be killed.
    @Test func aServerEndsWithItsOwner() async throws {
        let owner = Process()
        owner.executableURL = URL(fileURLWithPath: "/bin/sleep")
        owner.arguments = ["120"]
        try owner.run()
        let server = try await TestServer.start(for: owner.processIdentifier)
        let folder = try #require(server.folder)
        #expect(try await server.run("SELECT 1") == [["1"]])
        kill(owner.processIdentifier, SIGKILL)
        owner.waitUntilExit()
        try await eventually("all of it is removed") { !FileManager.default.fileExists(atPath: folder) }
        await #expect(throws: NoServer.self) { try await server.run("SELECT 1") }
    }

    @Test func serviceAndPasswordFiles() async throws {
        try await TestServer.withOwn { server in
            try await server.withDatabase { db in
                let role = try await db.makeRole()
                let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                    "dovetail-\(UUID())")
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                defer { try? FileManager.default.removeItem(at: folder) }
                let services = folder.appendingPathComponent("services")
                try """
                [dovetail_test]
                host=127.0.0.1
                port=\(server.port)
                dbname=\(db.name)
                user=\(role.name)
                connect_timeout=5
                """.write(to: services, atomically: true, encoding: .utf8)
                let passwords = folder.appendingPathComponent("passwords")
                try "127.0.0.1:\(server.port):*:\(role.name):\(role.password)\n"
                    .write(to: passwords, atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o600], ofItemAtPath: passwords.path)
                // No other test reads these two.
                setenv("PGSERVICEFILE", services.path, 1)
                setenv("PGPASSFILE", passwords.path, 1)
                defer {
                    unsetenv("PGSERVICEFILE")
                    unsetenv("PGPASSFILE")
                }
                let connection = try await db.connect("service=dovetail_test")
                #expect(try await connection.text("SELECT current_user::text") == role.name)
                #expect(connection.place.display == "service=dovetail_test")
                let url = try await db.connect(
                    "postgresql://\(role.name)@127.0.0.1:\(server.port)/\(db.name)")
                #expect(try await url.text("SELECT current_database()::text") == db.name)
                let unknown = await refusalToOpen("service=unheard_of")
                #expect(unknown?.kind == .unsuitable && unknown?.message.contains("unheard_of") == true)
            }
        }
    }

    /// Of an authority that signed nothing.
    private static let strangersCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIBfTCCASOgAwIBAgIUBdRsvlzhWDZa/tNVOWmwdVqUGq8wCgYIKoZIzj0EAwIw
        EzERMA8GA1UEAwwIU3RyYW5nZXIwIBcNMjYxMTIxMTAxNTM3WhgPMjEyNjEwMjgx
        MDE1MzdaMBMxETAPBgNVBAMMCFN0cmFuZ2VyMFkwEwYHKoZIzj0CAQYIKoZIzj0D
        AQcDQgAEkCCN6rxzTurKoWbHOhTDbb6EoK9623OFj8ASjzYmy4mYHuxWK0wumfYC
        jUPcDxIuQPUSukNezeR40TDrLpclN6NTMFEwHQYDVR0OBBYEFGNd8DSc9CKJnmoS
        7aJspvPkm9nrMB8GA1UdIwQYMBaAFGNd8DSc9CKJnmoS7aJspvPkm9nrMA8GA1Ud
        EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgCNvIJtQlEZpGv3zEcl/NC8xN
        U3UTwKTO0g1aJKU9ATwCIQCPhMkqLIwWbyTYdpeLd0snIzckOlUOgr/e3IaTXZe0
        ZA==
        -----END CERTIFICATE-----
        """
}
