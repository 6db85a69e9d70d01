import DovetailDocuments
import DovetailHub
import Foundation
import Logging
import ServiceLifecycle
import Synchronization

/// A server on this machine with a ``MemoryHub`` for each set that is asked for.
public final class RunningServer: Sendable {
    public let port: Int
    /// The tokens it takes; “write” may do all, “read” may read, “other” is for the set “other”, “gone” is revoked.
    public let tokens: Mutex<[String: HubToken]>
    private let hubs: Hubs
    private let group: ServiceGroup

    private final class Hubs: Sendable {
        let bySet = Mutex<[String: MemoryHub]>([:])

        func hub(_ set: String) -> MemoryHub {
            bySet.withLock { hubs in
                let hub = hubs[set] ?? MemoryHub()
                hubs[set] = hub
                return hub
            }
        }
    }

    private init(port: Int, tokens: consuming Mutex<[String: HubToken]>, hubs: Hubs, group: ServiceGroup) {
        self.port = port
        self.tokens = tokens
        self.hubs = hubs
        self.group = group
    }

    public func hub(_ set: String = "notes") -> MemoryHub { hubs.hub(set) }

    /// A client of it.
    /// - Parameter port: of a proxy before it.
    public func client(
        _ set: String = "notes", token: String = "write", port: Int? = nil, scheme: String = "http",
        settings: HTTPHubSettings = HTTPHubSettings()
    ) throws -> HTTPHub {
        try HTTPHub(
            HubAddress("\(scheme)://127.0.0.1:\(port ?? self.port)/\(set)"), token: token, settings: settings)
    }

    /// Begins to stop, as a signal would.
    public func stop() async { await group.triggerGracefulShutdown() }

    /// Serves while `work` is done, then stops, gracefully.
    public static func with<Result: Sendable>(
        settings: ServerSettings = ServerSettings(), limits: ServerLimits = ServerLimits(),
        _ work: @Sendable (RunningServer) async throws -> Result
    ) async throws -> Result {
        let hubs = Hubs()
        let box = TokenBox()
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        var logger = Logger(label: "hub")
        logger.logLevel = .critical
        let server = HubServer(
            settings, limits: limits, logger: logger, check: { box.server?.find($0) },
            access: { set, token in hubs.hub(set).access(author: token.name) },
            onListening: { announce.yield($0) })
        let group = ServiceGroup(configuration: .init(services: [.init(service: server)], logger: logger))
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { announce.finish() }
                try await group.run()
            }
            guard let port = await ports.first(where: { _ in true }) else {
                try await tasks.waitForAll()
                throw HubError(.unavailable, "the server did not start")
            }
            let running = RunningServer(
                port: port, tokens: Mutex(Self.tokens), hubs: hubs, group: group)
            box.server = running
            let result: Swift.Result<Result, any Error>
            do { result = .success(try await work(running)) } catch { result = .failure(error) }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            box.server = nil
            return try result.get()
        }
    }

    private final class TokenBox: Sendable {
        private let held = Mutex<RunningServer?>(nil)
        var server: RunningServer? {
            get { held.withLock { $0 } }
            set { held.withLock { $0 = newValue } }
        }
    }

    private func find(_ token: String) -> HubToken? { tokens.withLock { $0[token] } }

    private static var tokens: [String: HubToken] {
        func token(_ name: String, sets: [String] = [], mayWrite: Bool = true, revoked: Int64? = nil)
            -> HubToken
        {
            HubToken(
                name: name, hash: .empty, sets: sets, mayWrite: mayWrite, created: 0, revoked: revoked)
        }
        return [
            "write": token("anna"), "read": token("bert", mayWrite: false),
            "other": token("carl", sets: ["other"]), "gone": token("dora", revoked: 1),
        ]
    }
}
