import ArgumentParser
import Foundation

/// Parses, runs, and ends with the right exit code.
@main
enum Main {
    static func main() async {
        do {
            let command = try RootCommand.parseAsRoot(arguments)
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

    /// The words of the command line. `conflicts JOB show ID` is understood as `conflicts show JOB ID`,
    /// and `conflicts JOB --interactive` as `conflicts resolve JOB --interactive`.
    private static var arguments: [String] {
        var words = Array(CommandLine.arguments.dropFirst())
        guard words.count >= 2, words[0] == "conflicts" else { return words }
        let verbs = ["list", "show", "resolve"]
        if words.count >= 3, !verbs.contains(words[1]), verbs.contains(words[2]) {
            words.swapAt(1, 2)
        } else if !verbs.contains(where: words.contains), words.contains("--interactive") {
            words.insert("resolve", at: 1)
        }
        return words
    }
}
