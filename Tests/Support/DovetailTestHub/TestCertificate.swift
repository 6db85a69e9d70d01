/// A certificate and its key, of nobody but these tests: for 127.0.0.1 and localhost, until 2126.
public enum TestCertificate {
    /// PEM.
    public static let certificate = """
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
    public static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghTQQ5TtnxKG/ZBdd
        aBb3wpeRuHuD8Q2eMNsEdtrLnPKhRANCAAQQaLVOhZIY5NEsH+1DVkDIY1UmnZmB
        FSfJo6Dv9x0SCSKnj+9Ck4oC9ztoOWgy4F7HwE2kWhLLX7URWjtAlpYo
        -----END PRIVATE KEY-----

        """
}
