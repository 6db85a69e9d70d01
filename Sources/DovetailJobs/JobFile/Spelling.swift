/// Finds the word that a user probably meant.
enum Spelling {
    /// The candidate nearest to `word`, or nil when none is near: at most two edits, or a third of its
    /// length.
    ///
    /// Case and the difference between `-` and `_` don't count. Of two equally near ones the first wins.
    static func nearest(to word: String, in candidates: [String]) -> String? {
        let written = normal(word)
        let allowed = max(2, written.count / 3)
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let known = normal(candidate)
            // Measuring a long word against short ones is wasted work: the distance is at least this.
            guard abs(known.count - written.count) <= allowed else { continue }
            let distance = distance(written, known)
            // A word of which nothing is left is no misspelling.
            guard distance <= allowed, distance < min(written.count, known.count) else { continue }
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.candidate
    }

    /// `did you mean “match”?`, or the list of what is known.
    static func hint(for word: String, in candidates: [String], otherwise: String) -> String {
        if let near = nearest(to: word, in: candidates) { return "did you mean “\(near)”?" }
        return otherwise + " " + candidates.joined(separator: ", ")
    }

    /// The Damerau–Levenshtein distance (optimal string alignment): insert, remove, replace or swap
    /// neighbours.
    static func distance(_ first: [Character], _ second: [Character]) -> Int {
        guard !first.isEmpty, !second.isEmpty else { return max(first.count, second.count) }
        var beforeLast: [Int] = []
        var last = Array(0...second.count)
        for row in 1...first.count {
            var current = [row]
            current.reserveCapacity(second.count + 1)
            for column in 1...second.count {
                let cost = first[row - 1] == second[column - 1] ? 0 : 1
                var least = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + cost)
                if row > 1, column > 1, first[row - 1] == second[column - 2],
                    first[row - 2] == second[column - 1]
                {
                    least = min(least, beforeLast[column - 2] + 1)
                }
                current.append(least)
            }
            (beforeLast, last) = (last, current)
        }
        return last[second.count]
    }

    private static func normal(_ word: String) -> [Character] {
        word.lowercased().map { $0 == "-" ? "_" : $0 }
    }
}
