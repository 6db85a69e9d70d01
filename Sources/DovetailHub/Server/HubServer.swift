import DovetailDocuments
import Foundation
import HTTPTypes
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle

/// Serves sets of documents over HTTP, and a page that shows them.
///
/// ```swift
/// let server = HubServer(ServerSettings(port: 8030)) { token in
///     try await tokens.find(token)
/// } access: { set, token in
///     try await hub.access(to: set, with: token)
/// } onListening: { port in
///     print("listening on port \(port)")
/// }
/// try await server.run()
/// ```
///
/// It stops when its task is cancelled. In a `ServiceGroup`, it stops gracefully: requests that have begun are answered, and those who
/// wait for news are told that there is none.
public struct HubServer: Service {
    /// Who has a token; nil: nobody. It's asked at each request, so that a token that is revoked is of no use at once.
    public typealias TokenCheck = @Sendable (_ token: String) async throws -> HubToken?
    /// What someone may do with a set, which the token is for.
    public typealias Access = @Sendable (_ set: String, _ token: HubToken) async throws -> any Hub

    private let settings: ServerSettings
    private let limits: ServerLimits
    private let logger: Logger
    private let responder: HubResponder
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// - Parameters:
    ///   - onListening: is told the port once, as soon as clients can come.
    public init(
        _ settings: ServerSettings, limits: ServerLimits = ServerLimits(),
        logger: Logger = Logger(label: "dovetail.hub"),
        check: @escaping TokenCheck, access: @escaping Access,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.settings = settings
        self.limits = limits
        self.logger = logger
        self.onListening = onListening
        responder = HubResponder(limits: limits, logger: logger, check: check, access: access)
    }

    /// Serves until it is stopped.
    /// - Throws: ``HubError`` when it can't listen there, or the certificates can't be read.
    public func run() async throws {
        var configuration = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ConnectionGuard(limits: limits)],
            idleTimeout: TimeAmount(limits.idleness))
        configuration.httpDecoder = .init(
            maxHeaderFieldSize: 8 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 64)
        var builder = HTTPServerBuilder.http1(configuration: configuration)
        if let encryption = settings.encryption {
            builder = try .tls(builder, tlsConfiguration: try Self.configuration(encryption))
        }
        // It takes clients that go away for errors.
        var quiet = logger
        if logger.logLevel > .info { quiet.logLevel = .critical }
        let server = try builder.buildServer(
            configuration: ServerConfiguration(
                address: .hostname(settings.host, port: settings.port),
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections)),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet
        ) { [responder] request, writer, channel in
            try await responder.respond(to: request, writer: writer, channel: channel)
        } onServerRunning: { [onListening, settings] channel in
            await onListening(channel.localAddress?.port ?? settings.port)
        }
        do {
            try await server.run()
        } catch let error as IOError {
            throw unableToListen("\(error.localizedDescription)")
        } catch let error as SocketAddressError.UnknownHost {
            throw unableToListen("there is no machine of that name (\(error.errorDescription))")
        } catch let error as SocketAddressError {
            throw unableToListen("\(error)")
        }
    }

    private func unableToListen(_ why: String) -> HubError {
        HubError(
            .unavailable,
            "the hub can't listen on \(settings.host), port \(settings.port): \(why); name an address of this machine, as 127.0.0.1"
                + " or 0.0.0.0, and a port that is free")
    }

    private static func configuration(_ encryption: ServerSettings.Encryption) throws(HubError)
        -> TLSConfiguration
    {
        let chain = try read(encryption.certificates, "the certificates") {
            try NIOSSLCertificate.fromPEMFile($0)
        }
        let key = try read(encryption.key, "the key") { try NIOSSLPrivateKey(file: $0, format: .pem) }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        do {
            _ = try NIOSSLContext(configuration: configuration)
        } catch {
            throw HubError(
                .invalid,
                "the key in \(encryption.key) does not belong to the first certificate in \(encryption.certificates); name"
                    + " the one that it was made with, and the hub's own certificate first")
        }
        return configuration
    }

    private static func read<Part>(
        _ path: String, _ what: String, _ read: (String) throws -> Part
    ) throws(HubError) -> Part {
        do {
            return try read(path)
        } catch {
            let why =
                access(path, R_OK) == 0
                ? "it is no PEM file that holds such" : String(cString: strerror(errno))
            throw HubError(.invalid, "\(what) can't be read from \(path): \(why)")
        }
    }
}
