/// Where a hub listens.
public struct ServerSettings: Sendable, Hashable {
    /// This machine only, unless told otherwise.
    public var host: String
    /// 0: any that is free.
    public var port: Int
    /// Paths of PEM files with the certificates and the key; nil: without TLS.
    public var encryption: Encryption?

    public struct Encryption: Sendable, Hashable {
        public var certificates: String
        public var key: String

        public init(certificates: String, key: String) {
            self.certificates = certificates
            self.key = key
        }
    }

    public init(host: String = "127.0.0.1", port: Int = 0, encryption: Encryption? = nil) {
        self.host = host
        self.port = port
        self.encryption = encryption
    }
}
