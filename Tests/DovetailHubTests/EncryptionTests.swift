import DovetailDocuments
import DovetailHub
import DovetailTestHub
import Foundation
import Testing

/// A server with certificates of its own.
@Suite(.timeLimit(.minutes(1))) struct EncryptionTests {
    private static let otherKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgITREOzJuTsMr6F+p
        b/EE3Qb6eZ5v6WQERtwj2qT+OKGhRANCAAQ1kYcZgC7ejX2j82lRKmn0Co0+nP3w
        LxaYfjClWymvF68mzbnBs0GvuOisHb8DUnc2z4l4FGDFrzWpISQf5e/z
        -----END PRIVATE KEY-----

        """

    @Test func whatTravelsIsEncryptedAndTheServerHasToBeTrusted() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (certificate, key) = (
            folder.appendingPathComponent("c.pem"), folder.appendingPathComponent("k.pem")
        )
        try TestCertificate.certificate.write(to: certificate, atomically: true, encoding: .utf8)
        try TestCertificate.key.write(to: key, atomically: true, encoding: .utf8)
        let settings = ServerSettings(
            host: "0.0.0.0", encryption: .init(certificates: certificate.path, key: key.path))
        try await RunningServer.with(settings: settings) { server async throws in
            try await server.hub().write([1, 2, 3], to: ServerTests.name)
            let proxy = CountingProxy()
            let port = try await proxy.start(to: server.port)
            let trusting = try server.client(
                port: port, scheme: "https", settings: HTTPHubSettings(trusted: certificate.path))
            #expect(try await trusting.text(of: ServerTests.name, at: nil).text == [1, 2, 3])
            #expect(!proxy.transcript.contains("Bearer"))
            for try await event in trusting.events(after: 0, epoch: server.hub().epoch) {
                if case .commit = event { break }
            }
            let doubting = try server.client(scheme: "https")
            let error = await #expect(throws: HubError.self) { _ = try await doubting.documents() }
            #expect(error?.kind == .unavailable)
            #expect(error?.message.contains("is not trusted here") == true)
            #expect(error?.message.contains("SSL_CERT_FILE") == true)
            #expect(error?.message.contains(".cc") == false)
            let elsewhere = HTTPHubSettings(trusted: certificate.path)
            let misnamed = try HTTPHub(
                HubAddress("https://127.0.0.2:\(server.port)/notes"), token: "write", settings: elsewhere)
            let other = await #expect(throws: HubError.self) { _ = try await misnamed.documents() }
            #expect(other?.message.contains("its certificate is for another name") == true)
            await misnamed.close()
            let plain = try server.client()
            await #expect(throws: HubError.self) { _ = try await plain.documents() }
            for client in [trusting, doubting, plain] { await client.close() }
            try await proxy.stop()
        }
    }

    @Test func certificatesThatCantBeReadAreSaidSo() async throws {
        let settings = ServerSettings(
            encryption: .init(certificates: "/nowhere/c.pem", key: "/nowhere/k.pem"))
        let error = await #expect(throws: HubError.self) {
            try await RunningServer.with(settings: settings) { _ in }
        }
        #expect(error?.message.contains("/nowhere/c.pem: No such file") == true)
        #expect(throws: HubError.self) {
            try HTTPHub(
                HubAddress("https://h/a"), token: "t", settings: HTTPHubSettings(trusted: "/nowhere/c.pem"))
        }
    }

    @Test func aKeyOfAnotherCertificateIsSaidSo() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (certificate, key) = (folder.path + "/c.pem", folder.path + "/k.pem")
        try TestCertificate.certificate.write(toFile: certificate, atomically: true, encoding: .utf8)
        try Self.otherKey.write(toFile: key, atomically: true, encoding: .utf8)
        func refusal() async -> HubError? {
            let settings = ServerSettings(encryption: .init(certificates: certificate, key: key))
            return await #expect(throws: HubError.self) {
                try await RunningServer.with(settings: settings) { _ in }
            }
        }
        let foreign = await refusal()
        #expect(foreign?.kind == .invalid && foreign?.message.contains("does not belong to") == true)
        try "nothing".write(toFile: key, atomically: true, encoding: .utf8)
        #expect(await refusal()?.message.contains("\(key): it is no PEM file") == true)
    }

    @Test func aHostThatIsNotThereIsSaidSo() async throws {
        let error = await #expect(throws: HubError.self) {
            try await RunningServer.with(settings: ServerSettings(host: "nosuch.invalid")) { _ in }
        }
        #expect(error?.message.contains("no machine of that name") == true)
        #expect(error?.message.contains("SocketAddressError") == false)
        let hub = try HTTPHub(HubAddress("http://nosuch.invalid/notes"), token: "x")
        let away = await #expect(throws: HubError.self) { _ = try await hub.documents() }
        #expect(away?.message.contains("there is no machine named nosuch.invalid") == true)
        #expect(away?.message.contains("SocketAddressError") == false)
        await hub.close()
    }
}
