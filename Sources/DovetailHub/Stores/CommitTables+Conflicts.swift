import DovetailDocuments
import DovetailPostgres

/// Conflicts and tokens.
extension CommitTables {
    // MARK: Conflicts

    func conflicts(of set: String) throws -> [DocumentConflict] {
        try rows(
            """
            SELECT id, document, client, base, mine, theirs, epoch, sequence, time, resolution, chosen
            FROM \(table("conflicts")) WHERE set_id = (SELECT id FROM \(table("sets")) WHERE name = $1)
            ORDER BY time, id
            """, [.text(set)]
        ).map {
            var row = RowReader($0)
            return DocumentConflict(
                id: try row.text(), document: try row.document(), client: try row.text(),
                base: try row.optionalBytes(), mine: try row.optionalBytes(), theirs: try row.optionalBytes(),
                position: LogPosition(
                    epoch: UInt64(bitPattern: try row.number()), sequence: try row.number()),
                time: try row.number(), resolution: try row.resolution())
        }
    }

    func keep(_ conflict: DocumentConflict?, id: DocumentConflict.ID, in set: String) throws -> Int64 {
        let held = try holding(set)
        _ = try rows(
            "DELETE FROM \(table("conflicts")) WHERE set_id = $1 AND id = $2", [.int(held.id), .text(id)])
        if let conflict {
            let (resolution, chosen) = conflict.resolution?.stored ?? (nil, nil)
            _ = try rows(
                """
                INSERT INTO \(table("conflicts"))
                    (set_id, id, document, client, base, mine, theirs, epoch, sequence, time, resolution, chosen)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                """,
                [
                    .int(held.id), .text(id), .text(conflict.document.text), .text(conflict.client),
                    .optional(conflict.base), .optional(conflict.mine), .optional(conflict.theirs),
                    .int(Int64(bitPattern: conflict.position.epoch)), .int(conflict.position.sequence),
                    .int(conflict.time), resolution.map { .text($0) } ?? .null, .optional(chosen),
                ])
        }
        return try nextPlace(of: held)
    }

    // MARK: Tokens

    func tokens() throws -> [HubToken] {
        try rows(
            "SELECT name, hash, sets, may_write, created, revoked FROM \(table("tokens")) ORDER BY created, name",
            []
        ).map {
            var row = RowReader($0)
            let name = try row.text()
            guard let hash = try row.hash() else { throw RowReader.damaged("a token has no hash") }
            return HubToken(
                name: name, hash: hash, sets: try row.text().split(separator: " ").map(String.init),
                mayWrite: try row.number() != 0, created: try row.number(), revoked: try row.optionalNumber())
        }
    }

    /// Names of sets have no spaces.
    func keep(_ token: HubToken) throws {
        _ = try rows(
            """
            INSERT INTO \(table("tokens")) (hash, name, sets, may_write, created, revoked)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (hash) DO UPDATE SET name = excluded.name, sets = excluded.sets,
                may_write = excluded.may_write, created = excluded.created, revoked = excluded.revoked
            """,
            [
                .bytes(token.hash.bytes), .text(token.name), .text(token.sets.joined(separator: " ")),
                .int(token.mayWrite ? 1 : 0), .int(token.created), token.revoked.map { .int($0) } ?? .null,
            ])
    }
}
