import Dovetail
import DovetailDocuments

/// What a commit changed, as lines for a page: bounded, whatever the texts are.
struct TextComparison: Codable, Sendable {
    struct Hunk: Codable, Sendable {
        /// Numbers of the first lines of ``before``, from 1.
        var old: Int
        var new: Int
        var before: [String] = []
        var removed: [String] = []
        var added: [String] = []
        var after: [String] = []
    }

    /// Whether there was a text before, and after.
    var existed: Bool
    var exists: Bool
    var hunks: [Hunk] = []
    /// Changed places that are left out, because there are too many.
    var omitted = 0

    private static let context = 3
    private static let mostHunks = 200
    private static let mostBytes = 400_000
    private static let longestLine = 2_000

    /// - Throws: ``HubError``.
    init(of document: DocumentName, at sequence: Int64, in hub: any Hub) async throws {
        let new = try await hub.text(of: document, at: sequence)
        let old = sequence > 1 ? try await hub.text(of: document, at: sequence - 1).text : nil
        self.init(from: old, to: new.text)
    }

    init(from old: [UInt8]?, to new: [UInt8]?) {
        existed = old != nil
        exists = new != nil
        let (old, new) = (TextLines(old ?? []), TextLines(new ?? []))
        var bytes = 0
        let changes = LineDiff.hunks(from: old.bytes, to: new.bytes)
        for (index, change) in changes.enumerated() {
            guard index < Self.mostHunks, bytes < Self.mostBytes else {
                omitted = changes.count - index
                return
            }
            let (removed, added) = (old.lines(in: change.old), new.lines(in: change.new))
            // No more context than there is between two changes, so that no line is shown twice.
            let last = index > 0 ? old.lines(in: changes[index - 1].old).upperBound : 0
            let start = max(removed.lowerBound - Self.context, last)
            let next =
                index + 1 < changes.count ? old.lines(in: changes[index + 1].old).lowerBound : old.count
            // The next change shows the lines above it itself.
            let space =
                index + 1 < changes.count
                ? max(next - removed.upperBound - Self.context, 0) : next - removed.upperBound
            let end = removed.upperBound + min(Self.context, space)
            func shown(_ lines: Range<Int>, of text: TextLines) -> [String] {
                var shown: [String] = []
                for line in lines where bytes < Self.mostBytes {
                    let part = text[line].prefix(Self.longestLine)
                    bytes += part.count
                    let cut = part.count < text[line].count ? "…" : ""
                    shown.append(String(decoding: part, as: UTF8.self) + cut)
                }
                return shown
            }
            hunks.append(
                Hunk(
                    old: start + 1, new: added.lowerBound - (removed.lowerBound - start) + 1,
                    before: shown(start..<removed.lowerBound, of: old), removed: shown(removed, of: old),
                    added: shown(added, of: new), after: shown(removed.upperBound..<end, of: old)))
        }
    }
}
