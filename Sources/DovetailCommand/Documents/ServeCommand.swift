import ArgumentParser
import DovetailDocuments
import DovetailHub
import DovetailJobs
import Foundation
import Logging

/// `dovetail serve`
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run a hub of documents.",
        discussion: """
            Who may read and write says a token; make one first:

              dovetail serve token add eva --set notes

            Without a file, the hub keeps its documents in hub.db in this folder and listens on this machine only. \
            Several hubs may serve one database. The file's keys are in docs/documents.md.
            """,
        subcommands: [
            ServeRunCommand.self, ServeTokenCommand.self, ServeVerifyCommand.self, ServeRepairCommand.self,
            ServeRestoredCommand.self,
        ],
        defaultSubcommand: ServeRunCommand.self)
}

/// Where a hub keeps its documents, and how it is run.
struct HubFileOptions: ParsableArguments {
    @Option(
        name: .long, help: "A YAML file that says how the hub is run.",
        completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @Option(
        name: .long,
        help: "Where documents are kept: a file, or postgresql://HOST/DATABASE; hub.db unless said.",
        completion: .file())
    var store: String?

    /// - Throws: `JobFileError`.
    func file() throws -> HubFile {
        try config.map { try HubFile.load(path: $0) } ?? HubFile(settings: HubSettings())
    }

    /// Opens the store, does `work`, and closes it whatever happens.
    /// - Parameters:
    ///   - forTokens: only they are looked at or changed, also while a hub runs.
    ///   - making: whether a store is made when there is none.
    /// - Throws: `HubError`, and what `work` throws.
    func with<Result>(
        _ file: HubFile, forTokens: Bool = false, making: Bool = false,
        _ work: (any CommitStore) async throws -> Result
    ) async throws -> Result {
        let place = store ?? file.store ?? "hub.db"
        let store: any CommitStore =
            if place.contains("://") {
                try await PostgresCommitStore.open(place, making: making)
            } else {
                try await SQLiteCommitStore.open(place, besideHub: forTokens, making: making)
            }
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await work(store))
        } catch {
            result = .failure(error)
        }
        await store.close()
        return try result.get()
    }
}

/// `dovetail serve run`
struct ServeRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Serve until interrupted.")

    @OptionGroup var options: HubFileOptions
    @Option(name: .long, help: "The address of this machine to listen on; 127.0.0.1 unless said.")
    var host: String?
    @Option(name: .long, help: "The port; 8420 unless said, 0 for any that is free.")
    var port: Int?
    @Option(name: .long, help: "A PEM file with the certificates, for https.", completion: .file())
    var certificates: String?
    @Option(name: .long, help: "A PEM file with their key.", completion: .file())
    var key: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let port, !(0...65_535).contains(port) { throw ValidationError("there is no port \(port)") }
        if (certificates == nil) != (key == nil) {
            throw ValidationError("--certificates and --key go together")
        }
    }

    private struct ListeningJSON: Encodable {
        var listening: String
        var port: Int
    }

    func run() async throws {
        let file = try options.file()
        let settings = serverSettings(file)
        try await options.with(file, making: true) { store in
            let hub = DocumentHub(store: store, settings: file.settings)
            let tokens = HubTokens(store: store)
            if try await tokens.list().allSatisfy({ $0.revoked != nil }) {
                Console.error("nobody is let in yet; make a token with: dovetail serve token add NAME")
            }
            var limits = ServerLimits()
            limits.largestText = file.settings.limits.largestText
            var logger = Logger(label: "dovetail.hub")
            logger.logLevel = output.verbose ? .info : .error
            let server = HubServer(settings, limits: limits, logger: logger) { token in
                do {
                    return try await tokens.check(token)
                } catch let error as HubError where error.kind == .unauthorized {
                    return nil
                }
            } access: { set, token in
                hub.access(to: set, as: token.name, mayWrite: token.mayWrite)
            } onListening: { port in
                let address = "\(settings.encryption == nil ? "http" : "https")://\(settings.host):\(port)"
                if output.json {
                    Console.json(ListeningJSON(listening: address, port: port))
                } else {
                    Console.line("\(store.name) is served at \(address)")
                }
                Console.flush()
            }
            do {
                try await Interruption.heeded(saying: "ending; interrupt again to end at once") {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await server.run() }
                        group.addTask { try await Self.prune(hub) }
                        try await group.next()
                        group.cancelAll()
                    }
                }
            } catch is CancellationError {
                // It was asked to end.
            }
            await hub.close()
        }
    }

    private func serverSettings(_ file: HubFile) -> ServerSettings {
        var settings = ServerSettings(port: port ?? file.port ?? 8420)
        settings.host = host ?? file.host ?? settings.host
        if let certificates = certificates ?? file.certificates, let key = key ?? file.key {
            settings.encryption = ServerSettings.Encryption(certificates: certificates, key: key)
        }
        return settings
    }

    /// Forgets old commits now and then, where the hub's file says so.
    private static func prune(_ hub: DocumentHub) async throws {
        while true {
            do {
                let count = try await hub.prune()
                if count > 0 { Console.error("\(Words.count(count, "old commit")) forgotten") }
            } catch let error as HubError {
                Console.error("old commits can't be forgotten now: \(Safe.line(error.message))")
            }
            try await Task.sleep(for: .seconds(3600))
        }
    }
}

/// `dovetail serve restored`
struct ServeRestoredCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restored",
        abstract:
            "Say that the store was restored from a backup: clients then compare texts instead of trusting their places."
    )

    @OptionGroup var options: HubFileOptions

    func run() async throws {
        let file = try options.file()
        try await options.with(file) { store in
            try await store.renewEpoch()
            Console.line("\(store.name) is another one from now on; clients compare their texts with it")
        }
    }
}

/// `dovetail serve token`
struct ServeTokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Who is let in.",
        subcommands: [Add.self, List.self, Revoke.self], defaultSubcommand: List.self)

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token, and show it: this once only.")

        @Argument(help: "Whose it is; what is done with it is logged under this name.") var name: String
        @Option(
            name: .long, help: "A set that it is for; may be said several times. All of them unless said.")
        var set: [String] = []
        @Flag(name: .long, help: "It may read, and not write.") var readOnly = false
        @OptionGroup var options: HubFileOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await options.with(try options.file(), forTokens: true, making: true) { store in
                let token = try await HubTokens(store: store).make(name: name, sets: set, mayWrite: !readOnly)
                if output.json { Console.json(["token": token]) } else { Console.line(token) }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The tokens, without what they are.")

        @OptionGroup var options: HubFileOptions
        @OptionGroup var output: OutputOptions

        private struct TokenJSON: Encodable {
            var name: String
            var sets: [String]
            var mayWrite: Bool
            /// Seconds since 1970.
            var created: Double
            var revoked: Double?
        }

        func run() async throws {
            try await options.with(try options.file(), forTokens: true) { store in
                let tokens = try await HubTokens(store: store).list()
                if output.json {
                    let shown = tokens.map {
                        TokenJSON(
                            name: $0.name, sets: $0.sets, mayWrite: $0.mayWrite,
                            created: Double($0.created) / 1_000_000,
                            revoked: $0.revoked.map { Double($0) / 1_000_000 })
                    }
                    return Console.json(["tokens": shown])
                }
                for token in tokens {
                    let sets = token.sets.isEmpty ? "all sets" : token.sets.joined(separator: ", ")
                    let state =
                        token.revoked.map { "revoked \(DocumentPrinter.time($0))" }
                        ?? "since \(DocumentPrinter.time(token.created))"
                    Console.line(
                        "\(Safe.line(token.name))  \(sets), \(token.mayWrite ? "reads and writes" : "reads")  "
                            + Paint.stdout.dim(state))
                }
                if tokens.isEmpty { Console.line("there are no tokens") }
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let nobody in any more with a name's tokens.")

        @Argument(help: "Whose tokens.") var name: String
        @OptionGroup var options: HubFileOptions

        func run() async throws {
            try await options.with(try options.file(), forTokens: true) { store in
                let count = try await HubTokens(store: store).revoke(name: name)
                guard count > 0 else {
                    throw UsageFailure("\(Safe.line(name)) has no token that is not revoked")
                }
                Console.line("\(Words.count(count, "token")) of \(Safe.line(name)) revoked")
            }
        }
    }
}
