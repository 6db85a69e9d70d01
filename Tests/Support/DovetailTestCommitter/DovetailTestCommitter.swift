import Dovetail
import DovetailDocuments
import DovetailHub
import Foundation

/// A hub to be killed: writes to a document as fast as it can, and tells each commit that is acknowledged on a line of stdout.
@main
struct TestHub {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 2 else { return print("the path of the store is missing") }
        let store = try await SQLiteCommitStore.open(arguments[1])
        let hub = DocumentHub(store: store, settings: HubSettings(commitsPerSnapshot: 9))
        let access = hub.access(to: "notes", as: "victim", mayWrite: true)
        var random = SystemRandomNumberGenerator()
        let document = try DocumentName("page.txt")
        let first = try await hub.verify()
        guard first.damages.isEmpty else { return print("damaged: \(first.damages)") }
        let listing = try await access.documents()
        let known = listing.documents.first
        var position = LogPosition(epoch: listing.epoch, sequence: known?.sequence ?? 0)
        var text: [UInt8]? = known == nil ? nil : try await access.text(of: document, at: nil).text
        while true {
            let size = Int.random(in: 1...40, using: &random)
            let next =
                (text ?? []).suffix(20_000)
                + Array("\(String(repeating: "x", count: size)) \(position.sequence)\n".utf8)
            let answer = try await access.push(
                CommitDraft(
                    document: document, parent: position, parentHash: text.map { TextHash(of: $0) },
                    result: TextHash(of: next), delta: TextDelta(from: text ?? [], to: Array(next)).encoded(),
                    key: .random(using: &random)))
            guard case .committed(let sequence, _, _) = answer else {
                return print("it is alone, and was told \(answer)")
            }
            (position.sequence, text) = (sequence, Array(next))
            print(sequence)
            fflush(nil)
        }
    }
}
