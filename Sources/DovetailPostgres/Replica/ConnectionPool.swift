import DovetailEngine

/// A connection with what is known of its server.
struct Link: Sendable {
    let connection: PostgresConnection
    let server: ServerFacts
}

/// The connections of a replica that nobody uses at the moment: a look after each chunk of a run would otherwise pay
/// for opening one.
actor ConnectionPool {
    /// A run uses two at a time: one that keeps the view, one that reads.
    private static let most = 3

    nonisolated let place: DatabasePlace
    private let settings: ConnectionSettings
    private var idle: [Link] = []
    private var isClosed = false

    init(_ settings: ConnectionSettings, name: String) {
        self.settings = settings
        place = DatabasePlace(name: name, display: settings.display)
    }

    /// A connection in a state that `begin` has brought it into. One that was lost while it was idle is replaced.
    func take(_ begin: @escaping @Sendable (Session) throws -> Void) async throws -> Link {
        guard !isClosed else { throw place.error(.failed, "the replica is closed") }
        while let link = idle.popLast() {
            do {
                try await link.connection.perform(begin)
                return link
            } catch let error as ReplicaError where error.kind == .unreachable {
                await link.connection.close()
            } catch {
                await give(back: link)
                throw error
            }
        }
        let connection = try await PostgresConnection.open(settings, name: place.name)
        do {
            let server = try await connection.perform { session in
                let server = try session.settle()
                // The server may be told to end sessions that keep a view open; ours is at work elsewhere.
                try session.run("SET idle_in_transaction_session_timeout = 0")
                try begin(session)
                return server
            }
            return Link(connection: connection, server: server)
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Takes a connection back, with whatever was left open on it ended.
    func give(back link: Link) async {
        // Not by this task's cancellation: it would leave the transaction open.
        let isUsable = await Task.detached {
            (try? await link.connection.perform { session in
                session.rollback()
                return session.isOpen && !session.isInTransaction
            }) ?? false
        }.value
        if isUsable, !isClosed, idle.count < Self.most {
            idle.append(link)
        } else {
            await link.connection.close()
        }
    }

    func close() async {
        isClosed = true
        let links = idle
        idle = []
        for link in links { await link.connection.close() }
    }
}
