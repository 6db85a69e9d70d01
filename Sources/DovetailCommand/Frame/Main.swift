import ArgumentParser
import Foundation

/// Parses, runs, and ends with the right exit code.
@main
enum Main {
    static func main() async {
        do {
            let command = try RootCommand.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                var command = command
                try command.run()
            }
            Console.exit(ExitStatus.agreed.rawValue)
        } catch {
            Failure.leave(error, json: CommandLine.arguments.contains("--json"))
        }
    }
}
