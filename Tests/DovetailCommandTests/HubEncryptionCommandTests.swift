import DovetailTestHub
import Testing

/// A hub that speaks https with a certificate of its own.
@Suite("An encrypted hub from the command")
struct HubEncryptionCommandTests {
    @Test("is trusted by the certificates that SSL_CERT_FILE names, and said not to be without")
    func trusted() throws {
        let hub = try HubProcess(
            configuration: "listen: {certificates: c.pem, key: k.pem}",
            files: ["c.pem": TestCertificate.certificate, "k.pem": TestCertificate.key])
        let words = ["doc", "list", "--hub", hub.address, "--token-file", "anna.token"]
        #expect(hub.address.hasPrefix("https://"))
        let doubting = try hub.place.run(words: words, environment: ["SSL_CERT_FILE": ""])
        #expect(
            doubting.status == 1 && doubting.err.contains("name the file in SSL_CERT_FILE"), "\(doubting)")
        let path = hub.place.path("c.pem")
        let trusting = try hub.place.run(words: words, environment: ["SSL_CERT_FILE": path])
        #expect(trusting.status == 0 && trusting.out.contains("there are no documents"), "\(trusting)")
        let missing = try hub.place.run(words: words, environment: ["SSL_CERT_FILE": "/nowhere.pem"])
        #expect(missing.status == 2 && missing.err.contains("which SSL_CERT_FILE names"), "\(missing)")
    }
}
