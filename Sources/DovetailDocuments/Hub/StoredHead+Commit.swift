extension StoredHead {
    /// The head that a commit is.
    package init(of commit: Commit, oldest: Int64) {
        self.init(
            document: commit.document, sequence: commit.sequence, place: commit.place, hash: commit.result,
            size: commit.size, author: commit.author, time: commit.time, oldest: oldest)
    }
}

extension StoredHead? {
    /// Whether a commit may come next.
    package func isFollowed(by commit: Commit) -> Bool {
        commit.sequence == (self?.sequence ?? 0) + 1 && commit.parent == self?.hash
    }
}

extension HubError {
    /// A log can't begin where neither a whole text is kept nor the document was deleted.
    package static func nothingToBeginWith(_ document: DocumentName, at sequence: Int64) -> HubError {
        HubError(
            .invalid,
            "the log of “\(document)” can't begin at commit \(sequence): no whole text is kept there; keep one first"
        )
    }

    /// A mended log has a last commit.
    package static func nothingToEndWith(_ document: DocumentName, at sequence: Int64) -> HubError {
        HubError(
            .invalid, "the log of “\(document)” can't end at commit \(sequence): there is no such commit")
    }
}
