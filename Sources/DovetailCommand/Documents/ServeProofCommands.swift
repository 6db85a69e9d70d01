import ArgumentParser
import DovetailDocuments
import DovetailJobs

/// `dovetail serve verify`
struct ServeVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Prove every text of every document by its hash.",
        discussion: "The hub must not be running. Exits with 1 when something is damaged.")

    @OptionGroup var options: HubFileOptions

    func run() async throws {
        let file = try options.file()
        try await options.with(file) { store in
            let found = try await DocumentHub(store: store, settings: file.settings).verify()
            for damage in found.damages {
                Console.line(
                    Safe.line("\(damage.document) in the set \(damage.set) is damaged: \(damage.reason)"))
            }
            Console.line(
                "\(Words.count(found.documents, "document")), \(Words.count(found.commits, "commit")): "
                    + (found.damages.isEmpty ? "every text is proven" : "\(found.damages.count) damaged"))
            if !found.damages.isEmpty {
                Console.line("to mend one: dovetail serve repair SET DOCUMENT, which keeps what is proven")
            }
            guard found.damages.isEmpty else { throw ExitCode(ExitStatus.failed.rawValue) }
        }
    }
}

/// `dovetail serve repair SET DOCUMENT`
struct ServeRepairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Put the log of a damaged document in order, so that it can be written again.",
        discussion: """
            Every text that can be proven stays. A commit whose text can't be stays in the log, marked as lost, and changes \
            nothing. Where the newest text is lost the document goes on from the newest proven one, and clients compare \
            theirs with it. The hub must not be running.
            """)

    @Argument(help: "The name of the set.") var set: String
    @Argument(help: "The name of the document.") var document: String
    @OptionGroup var options: HubFileOptions

    func run() async throws {
        let file = try options.file()
        let name: DocumentName
        do {
            name = try DocumentName(document)
        } catch {
            throw UsageFailure("\(error)")
        }
        try await options.with(file) { store in
            let done = try await DocumentHub(store: store, settings: file.settings).repair(name, in: set)
            for line in Self.words(done, Safe.line(name.text)) { Console.line(line) }
        }
    }

    private static func words(_ done: HubRepair, _ name: String) -> [String] {
        guard let damage = done.damage else { return ["\(name) is not damaged; nothing was done"] }
        var lines = ["\(name) was damaged: \(Safe.line(damage.reason)); it can be written again"]
        if done.lost.isEmpty {
            lines.append("no text of it is lost")
        } else {
            lines.append("lost are the texts of \(commits(done.lost)); all others are there")
        }
        if done.isNewestLost {
            lines.append(
                done.newest.map { "it goes on from commit \($0), the newest one that is proven" }
                    ?? "no text of it is proven, so it has none now")
            lines.append(
                "clients compare their texts with the hub's: who has a newer one is asked, and brings it back with"
                    + " dovetail doc resolve FILE --mine")
        }
        return lines
    }

    /// Their numbers, those in a row as the first and the last.
    private static func commits(_ numbers: [Int64]) -> String {
        var rows: [ClosedRange<Int64>] = []
        for number in numbers {
            if let last = rows.last, last.upperBound + 1 == number {
                rows[rows.count - 1] = last.lowerBound...number
            } else {
                rows.append(number...number)
            }
        }
        let words = rows.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound) to \($0.upperBound)" }
        return (numbers.count == 1 ? "commit " : "the commits ") + words.joined(separator: ", ")
    }
}
