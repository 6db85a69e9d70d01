import DovetailPrograms
import Foundation

extension Dataset {
    /// Makes this executable a source of the command: `dovetail diff "program:PATH inventory" "program:PATH network"`, and the same
    /// in job files. Its first argument names the dataset, which is loaded when it is first looked at; hooks run here.
    ///
    /// ```swift
    /// @main enum Inventories {
    ///     static func main() async throws { try await Dataset.export(inventory, network) }
    /// }
    /// ```
    ///
    /// Serves until stdin ends, which it does when the command does. Without a dataset's name, or with another one, it says on
    /// stderr which there are, and ends the process with exit status 2. What is printed goes to stderr.
    /// - Parameter arguments: the words of the command line after the program; without them, this process's.
    /// - Throws: `ReplicaError` when this process has no stdin and stdout.
    public static func export(_ datasets: Dataset..., arguments: [String]? = nil) async throws {
        let words = arguments ?? Array(CommandLine.arguments.dropFirst())
        let names = datasets.map(\.name).joined(separator: ", ")
        guard words.count == 1, let dataset = datasets.first(where: { $0.name == words[0] }) else {
            let wrong =
                words.isEmpty
                ? "name a dataset"
                : words.count > 1 ? "name one dataset, and nothing else" : "there is no dataset “\(words[0])”"
            FileHandle.standardError.write(Data("\(wrong); there is \(names)\n".utf8))
            exit(2)
        }
        try await ReplicaServer(ExportedReplica(dataset)).serve()
    }
}
