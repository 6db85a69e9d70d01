import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL

/// How a hub is reached.
public struct HTTPHubSettings: Sendable, Hashable {
    /// How long an answer may take to begin.
    public var patience: Duration
    /// How long an answer may pause. A hub says something at least every half minute.
    public var silence: Duration
    /// Bytes of an answer that are taken at most, unpacked.
    public var largestAnswer: Int
    /// A PEM file with the certificates that are trusted instead of the system's; nil: the one that SSL_CERT_FILE names, if it does.
    public var trusted: String?

    public init(
        patience: Duration = .seconds(30), silence: Duration = .seconds(75), largestAnswer: Int = 256 << 20,
        trusted: String? = nil
    ) {
        self.patience = patience
        self.silence = silence
        self.largestAnswer = largestAnswer
        self.trusted = trusted
    }
}

/// Connections that stay open, until nobody has them any more.
final class HTTPConnections: Sendable {
    let client: HTTPClient

    init(
        settings: HTTPHubSettings, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(HubError) {
        var configuration = HTTPClient.Configuration(
            // A redirect would carry the token to someone else.
            redirectConfiguration: .disallow,
            timeout: .init(
                connect: .seconds(10), read: .nanoseconds(Int64(settings.silence / .nanoseconds(1)))))
        // Less than after which the hub closes them, so that a request hardly meets a closing one.
        configuration.connectionPool.idleTimeout = .seconds(150)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        let named = environment["SSL_CERT_FILE"].flatMap { $0.isEmpty ? nil : $0 }
        if let path = settings.trusted ?? named {
            do {
                var encryption = TLSConfiguration.makeClientConfiguration()
                encryption.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(path))
                configuration.tlsConfiguration = encryption
            } catch {
                let source = settings.trusted == nil ? ", which SSL_CERT_FILE names" : ""
                throw HubError(
                    .invalid,
                    "the certificates to trust can't be read from \(path)\(source): it has to be a PEM file")
            }
        }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func close() async { try? await client.shutdown() }

    deinit {
        // A client may not be let go of before it is shut down; twice is answered by an error.
        let client = client
        client.shutdown(queue: .global()) { _ in _ = client }
    }
}
