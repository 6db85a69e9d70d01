import DovetailEngine
import DovetailTestPostgres
import Foundation
import Testing

@testable import DovetailPostgres

@Suite(.timeLimit(.minutes(10))) struct ConnectionSecretTests {
    @Test func displayNamesThePlaceOnly() {
        func display(_ conninfo: String) -> String {
            ConnectionSettings(conninfo, applicationName: "t").display
        }
        #expect(
            display("postgresql://me:hush@db.example.org:5433/fkg?sslmode=require")
                == "postgresql://me@db.example.org:5433/fkg")
        #expect(display("postgres://db/fkg?user=me&password=hush") == "postgresql://me@db/fkg")
        #expect(display("host=db user=me password='hu sh' sslpassword=hush") == "postgresql://me@db/")
        #expect(
            display("host=/run/postgresql port=5433 dbname=fkg")
                == "postgresql:///fkg?host=/run/postgresql&port=5433")
        #expect(display("service=fkg password=hush") == "service=fkg")
        #expect(display("service=fkg dbname=other") == "service=fkg dbname=other")
        #expect(display("postgresql:///") == "postgresql:///")
    }

    /// Passwords written wrongly are where libpq would quote parts of them.
    @Test(arguments: [
        "postgresql://me:hush@hush@db/fkg", "postgresql://me:hush/hush@db/fkg",
        "postgresql://me:1/hush@db/fkg",
        "postgresql://me:x@hush/hush@db/fkg", "password=my hush host=db", "password=my hush=1",
        "password='hush",
        "postgresql://me:%hush@db", "postgresql://me:a?hush=1@db/x", "postgresql://me:a/b?hush=1@db/x",
        "postgresql://[hush", "hush", "host=db\0password=hush",
    ])
    func mistakesAreToldWithoutQuoting(_ conninfo: String) async {
        let settings = ConnectionSettings(conninfo, applicationName: "t")
        #expect(!settings.display.contains("hush"))
        guard settings.mistake != nil else {
            // libpq reads this one as it was meant.
            #expect(conninfo.hasPrefix("postgresql://me:a?hush"))
            return
        }
        let error = await refusalToOpen(conninfo)
        #expect(error?.kind == .unsuitable)
        #expect(error.map { !"\($0)".contains("hush") } == true)
    }

    @Test func noErrorShowsThePassword() async throws {
        let password = "Zk-93-tell-nobody"
        var told: [String] = []
        for conninfo in [
            "postgresql://me:\(password)@127.0.0.1:1/x", "postgresql://me:\(password)@no-host.invalid/x",
            "host=127.0.0.1 port=1 password=\(password) user=me", "service=none-such password=\(password)",
            "host=127.0.0.1 port=1 password=\(password) sslmode=nonsense",
            "host=127.0.0.1 port=1 password=\(password) sslmode=verify-full sslrootcert=/none",
            "host=127.0.0.1 port=x password=\(password)", "host=a,b port=1,2,3 password=\(password)",
            "postgresql://me:\(password)@@127.0.0.1/x", "password=\(password) \(password)",
            "postgresql://me:\(password)@127.0.0.1:1/x?nonsense=\(password)",
        ] {
            let error = await refusalToOpen(conninfo)
            told.append("\(error.map { "\($0) \(String(reflecting: $0))" } ?? "")")
        }
        for text in told { #expect(!text.isEmpty && !text.contains(password), "\(text)") }
    }
}
