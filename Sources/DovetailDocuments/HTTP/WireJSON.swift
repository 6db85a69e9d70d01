import Foundation

// What people read too, and pages: JSON, with epochs as digits in base 16 and texts in base 64, because neither the one nor the other
// survives a script's numbers and strings.

extension LogPosition {
    package static func epoch(_ digits: some StringProtocol) -> UInt64? { UInt64(digits, radix: 16) }

    package static func digits(_ epoch: UInt64) -> String { String(epoch, radix: 16) }

    /// As it stands in headers and queries: `9f2c.17`.
    package var header: String { "\(Self.digits(epoch)).\(sequence)" }

    package init?(header: some StringProtocol) {
        let parts = header.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let epoch = Self.epoch(parts[0]), let sequence = Int64(parts[1]) else {
            return nil
        }
        self.init(epoch: epoch, sequence: sequence)
    }
}

/// A ``SetListing``.
package struct ListingJSON: Codable, Sendable {
    package var epoch: String
    package var place: Int64
    package var documents: [DocumentHead]

    package init(_ listing: SetListing) {
        epoch = LogPosition.digits(listing.epoch)
        place = listing.place
        documents = listing.documents
        // How the hub checks texts is the hub's own matter.
        for index in documents.indices { documents[index].rules.command = nil }
    }

    package var listing: SetListing? {
        LogPosition.epoch(epoch).map { SetListing(epoch: $0, place: place, documents: documents) }
    }
}

/// A ``Commit`` of a log, without its delta.
package struct CommitJSON: Codable, Sendable {
    package var document: DocumentName
    package var sequence: Int64
    package var place: Int64
    package var parent: TextHash?
    package var result: TextHash?
    package var size: Int
    package var author: String
    package var time: Int64
    package var key: Data

    package init(_ commit: Commit) {
        document = commit.document
        sequence = commit.sequence
        place = commit.place
        parent = commit.parent
        result = commit.result
        size = commit.size
        author = commit.author
        time = commit.time
        key = Data(commit.key.bytes)
    }

    package var commit: Commit? {
        CommitKey(bytes: key).map {
            Commit(
                document: document, sequence: sequence, place: place, parent: parent, result: result,
                size: size, author: author, time: time, key: $0, delta: [])
        }
    }
}

/// A ``DocumentConflict``.
package struct ConflictJSON: Codable, Sendable {
    package var id: String
    package var document: DocumentName
    package var client: String
    package var base: Data?
    package var mine: Data?
    package var theirs: Data?
    package var position: String
    package var time: Int64
    package var resolution: ResolutionJSON?

    package init(_ conflict: DocumentConflict) {
        id = conflict.id
        document = conflict.document
        client = conflict.client
        base = conflict.base.map { Data($0) }
        mine = conflict.mine.map { Data($0) }
        theirs = conflict.theirs.map { Data($0) }
        position = conflict.position.header
        time = conflict.time
        resolution = conflict.resolution.map(ResolutionJSON.init)
    }

    package var conflict: DocumentConflict? {
        guard let position = LogPosition(header: position) else { return nil }
        return DocumentConflict(
            id: id, document: document, client: client, base: base.map { Array($0) },
            mine: mine.map { Array($0) }, theirs: theirs.map { Array($0) }, position: position, time: time,
            resolution: resolution.flatMap(\.resolution))
    }
}

/// A ``DocumentConflict/Resolution``.
package struct ResolutionJSON: Codable, Sendable {
    package enum Kind: String, Codable, Sendable { case mine, theirs, both, text }

    package var kind: Kind
    package var text: Data?

    package init(_ resolution: DocumentConflict.Resolution) {
        switch resolution {
        case .mine: kind = .mine
        case .theirs: kind = .theirs
        case .both: kind = .both
        case .text(let bytes):
            kind = .text
            text = Data(bytes)
        }
    }

    /// Nil when the text that it speaks of is missing.
    package var resolution: DocumentConflict.Resolution? {
        switch kind {
        case .mine: .mine
        case .theirs: .theirs
        case .both: .both
        case .text: text.map { .text(Array($0)) }
        }
    }
}

/// A ``HubError``.
package struct ErrorJSON: Codable, Sendable {
    package var kind: HubError.Kind
    package var message: String

    package init(_ error: HubError) {
        kind = error.kind
        message = error.message
    }
}
