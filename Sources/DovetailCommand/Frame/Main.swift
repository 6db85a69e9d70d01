import ArgumentParser
import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Parses, runs, and ends with the right exit code.
@main
enum Main {
    static func main() async {
        shareHeaps()
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

    /// Batches are made on one thread and let go on another. With a heap for each thread, which is what glibc
    /// gives, each would hold on to the memory of the most it ever had.
    private static func shareHeaps() {
        #if canImport(Glibc)
            // Swift's Glibc leaves malloc.h out.
            typealias Mallopt = @convention(c) (_ parameter: Int32, _ value: Int32) -> Int32
            let arenaMax: Int32 = -8
            guard let mallopt = dlsym(nil, "mallopt") else { return }
            _ = unsafeBitCast(mallopt, to: Mallopt.self)(arenaMax, 2)
        #endif
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
