import Testing

/// A hub that speaks https with a certificate of its own.
@Suite("An encrypted hub from the command")
struct HubEncryptionCommandTests {
    /// Of nobody but these tests, for 127.0.0.1.
    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBpTCCAUugAwIBAgIUVZ/81UaNJYCtg5yQKYUVH0nzmaEwCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwORG92ZXRhaWwgdGVzdHMwIBcNMjYxMTIxMTkyOTAxWhgPMjEy
        NjEwMjgxOTI5MDFaMBkxFzAVBgNVBAMMDkRvdmV0YWlsIHRlc3RzMFkwEwYHKoZI
        zj0CAQYIKoZIzj0DAQcDQgAEEGi1ToWSGOTRLB/tQ1ZAyGNVJp2ZgRUnyaOg7/cd
        Egkip4/vQpOKAvc7aDloMuBex8BNpFoSy1+1EVo7QJaWKKNvMG0wHQYDVR0OBBYE
        FAUns5CmCDcJs03Rd2PTEzpd87tqMB8GA1UdIwQYMBaAFAUns5CmCDcJs03Rd2PT
        Ezpd87tqMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYcEfwAAAYIJbG9jYWxo
        b3N0MAoGCCqGSM49BAMCA0gAMEUCIQCJpI+MgAnUwVRpFi6lBSx05PX4xwN00x1p
        Okk1IHcB2QIgWtMR+RQ1bDgGrUzAVyyxw80Er76RtXunwb9mFMGxLn4=
        -----END CERTIFICATE-----

        """
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghTQQ5TtnxKG/ZBdd
        aBb3wpeRuHuD8Q2eMNsEdtrLnPKhRANCAAQQaLVOhZIY5NEsH+1DVkDIY1UmnZmB
        FSfJo6Dv9x0SCSKnj+9Ck4oC9ztoOWgy4F7HwE2kWhLLX7URWjtAlpYo
        -----END PRIVATE KEY-----

        """

    @Test("is trusted by the certificates that SSL_CERT_FILE names, and said not to be without")
    func trusted() throws {
        let hub = try HubProcess(
            configuration: "listen: {certificates: c.pem, key: k.pem}",
            files: ["c.pem": Self.certificate, "k.pem": Self.key])
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
