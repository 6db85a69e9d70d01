import DovetailDocuments
import DovetailPostgres

extension CommitTables {
    /// Puts a damaged log in order.
    func mend(_ document: DocumentName, in set: String, by mend: LogMend) throws {
        var held = try holding(set)
        guard let (id, _) = try head(of: document, in: set) else { return }
        for name in ["commits", "texts"] {
            _ = try rows(
                "DELETE FROM \(table(name)) WHERE document = $1 AND (sequence < $2 OR sequence > $3)",
                [.int(id), .int(mend.oldest), .int(mend.newest)])
        }
        for var commit in mend.commits {
            if commit.place == 0 {
                commit.place = try nextPlace(of: held)
                held.place = commit.place
            }
            try delete(from: "commits", document: id, at: commit.sequence)
            try insert(commit, document: id, set: held.id)
        }
        for (sequence, text) in mend.texts {
            if let text {
                try keep(text, document: id, at: sequence)
            } else {
                try delete(from: "texts", document: id, at: sequence)
            }
        }
        try mendHead(of: document, in: set, id: id, held, by: mend)
    }

    private func mendHead(
        of document: DocumentName, in set: String, id: Int64, _ held: StoredSet, by mend: LogMend
    ) throws {
        let last = try commits(
            of: document, in: set, sequences: mend.newest...mend.newest, limit: 1, newestFirst: false,
            withDeltas: false
        ).first
        guard let last else { throw HubError.nothingToEndWith(document, at: mend.newest) }
        _ = try keep(StoredHead(of: last, oldest: mend.oldest), id: id, set: held.id)
        _ = try rows(
            "UPDATE \(table("documents")) SET oldest = $1 WHERE id = $2", [.int(mend.oldest), .int(id)])
    }

    private func delete(from name: String, document: Int64, at sequence: Int64) throws {
        _ = try rows(
            "DELETE FROM \(table(name)) WHERE document = $1 AND sequence = $2",
            [.int(document), .int(sequence)])
    }
}
