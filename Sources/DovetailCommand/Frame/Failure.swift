import ArgumentParser
import Dovetail
import DovetailDocuments
import DovetailEngine
import DovetailJobs
import DovetailPages
import Foundation

/// A command that was given something it can't use.
struct UsageFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Why a command ended, for the shell and for a person.
struct Failure {
    let status: ExitStatus
    /// A word that scripts can rely on.
    let code: String
    let message: String
    var halts: [HaltJSON]?

    init(_ error: any Error) {
        switch error {
        case let error as JobFileError: self.init(.wrong, "job-file", error.description)
        case let error as UsageFailure: self.init(.wrong, "usage", error.description)
        case let error as ReplicaFactory.Unusable: self.init(.wrong, "source", error.description)
        case let error as SourceReference.Failure: self.init(.wrong, "source", error.description)
        case let error as PlanFileError: self.init(.wrong, "plan-file", error.description)
        case let error as PlanLineError: self.init(.wrong, "plan-file", error.description)
        case let error as PageFileError:
            self.init(error.kind == .place ? .wrong : .failed, "page", error.description)
        case let error as UndoError: self.init(.wrong, "undo", error.description)
        case let error as RunHalted:
            self.init(.limited, "halted", "stopped before anything was written:\n\(error.description)")
            halts = error.halts.map { HaltJSON($0, labels: error.labels) }
        case let error as ReplicaError:
            self.init(.failed, "replica-\(error.kind.rawValue)", error.description)
        case let error as HubError:
            self.init(error.kind == .invalid ? .wrong : .failed, "hub-\(error.kind.rawValue)", error.message)
        case let error as FileProblem: self.init(.failed, "files-\(error.kind.rawValue)", error.message)
        case let error as DocumentClient.NoSuchConflict: self.init(.wrong, "usage", error.description)
        case let error as StateError: self.init(.failed, Self.code(of: error), error.description)
        case is RunInterrupted, is CancellationError:
            self.init(.failed, "interrupted", RunInterrupted().description)
        default: self.init(.failed, "failed", "\(error)")
        }
    }

    private init(_ status: ExitStatus, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    private static func code(of error: StateError) -> String {
        switch error {
        case .locked: "locked"
        case .full: "state-full"
        case .forbidden: "state-forbidden"
        case .failed: "state-failed"
        }
    }

    /// What ArgumentParser has to say: help and completion scripts on stdout, misuse on stderr.
    private static func parserWords(_ error: any Error) -> (status: ExitStatus, message: String)? {
        // Only ArgumentParser's own errors have an exit code of their own.
        let code = RootCommand.exitCode(for: error)
        guard code == .success || code == .validationFailure else { return nil }
        return (code == .success ? .agreed : .wrong, RootCommand.fullMessage(for: error))
    }

    /// Says why, and ends the process.
    static func leave(_ error: any Error, json: Bool) -> Never {
        if let code = error as? ExitCode { Console.exit(code.rawValue) }
        var failure = Failure(error)
        if let (status, message) = parserWords(error) {
            if status == .agreed {
                Console.raw(message + "\n")
                Console.exit(0)
            }
            failure = Failure(.wrong, "usage", message)
        }
        if json {
            Console.json(
                ErrorJSON(
                    error: ErrorJSON.Body(code: failure.code, message: failure.message, halts: failure.halts))
            )
        } else {
            let paint = Paint.stderr
            for (index, line) in failure.message.split(separator: "\n").enumerated() {
                let prefix = index == 0 && failure.code != "usage" ? paint.red("dovetail: ") : ""
                Console.error(prefix + Safe.line(String(line)))
            }
        }
        Console.exit(failure.status.rawValue)
    }
}
