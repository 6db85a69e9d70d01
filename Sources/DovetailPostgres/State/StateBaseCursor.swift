import Dovetail
import DovetailEngine

/// Reads the base of one table in batches: a binary `COPY` on a connection of its own.
///
/// The whole copy is one statement, so it shows one moment, however long it is read. Batches are made on the
/// connection's thread, never on the cooperative pool.
actor StateBaseCursor: RecordCursor {
    private static let batchBytes = 1 << 18
    private let connection: PostgresConnection
    private let mirrored: Bool
    private let store: PostgresStateStore
    private var isFirst = true
    private var isAtEnd = false

    /// - Parameter connection: One that nobody else uses; it is given back at the end.
    init(
        _ connection: PostgresConnection, copying sql: String, mirrored: Bool, store: PostgresStateStore
    ) async throws {
        self.connection = connection
        self.mirrored = mirrored
        self.store = store
        do {
            try await connection.perform { session in try session.beginCopyOut(sql) }
        } catch {
            throw await store.translated(error)
        }
    }

    func next() async throws -> RecordBatch? {
        guard !isAtEnd else { return nil }
        let (mirrored, hasHeader) = (mirrored, isFirst)
        isFirst = false
        let batch: RecordBatch?
        do {
            // Damage is told apart from what the server says; `perform` would make words of both.
            let found: Result<RecordBatch?, StateDamage> = try await connection.perform { session in
                do {
                    return .success(try Self.batch(session, mirrored: mirrored, hasHeader: hasHeader))
                } catch let damage as StateDamage {
                    return .failure(damage)
                }
            }
            batch = try found.get()
        } catch {
            throw await store.translated(error)
        }
        if batch == nil {
            isAtEnd = true
            await store.giveBack(connection)
        }
        return batch
    }

    /// The next records: in key order as frames of key, left form and rest; mirrored as frames of locator, right form
    /// and the rest of ``BaseRecord/seenFromRight``. Nil at the end.
    private static func batch(_ session: Session, mirrored: Bool, hasHeader: Bool) throws -> RecordBatch? {
        var builder = BatchBuilder(capacity: batchBytes + batchBytes / 8)
        var isFirst = hasHeader
        _ = try session.readCopyData { message in
            try append(message, isFirst, mirrored, to: &builder)
            isFirst = false
            return builder.byteCount < batchBytes
        }
        return builder.count > 0 ? builder.seal() : nil
    }

    private static func append(
        _ message: UnsafeRawBufferPointer, _ hasHeader: Bool, _ mirrored: Bool, to builder: inout BatchBuilder
    ) throws {
        var reader = CopyRowReader(message)
        if hasHeader { try reader.skipHeader() }
        guard let count = try reader.beginRow() else { return }
        guard count == (mirrored ? 4 : 3) else { throw StateDamage("an entry of its base") }
        let link = mirrored ? try reader.field() : nil
        let (key, left, rest) = (try reader.field(), try reader.field(), try reader.field())
        builder.beginRecord()
        if let link {
            guard let right = rightForm(rest) else { throw StateDamage("an entry of its base") }
            builder.put(raw: link)
            builder.endKey()
            builder.put(raw: right.count == 0 ? left : right)
            builder.endLocator()
            builder.put(counted: right.count == 0 ? right : left)
            builder.put(counted: UnsafeRawBufferPointer(start: nil, count: 0))
            builder.put(counted: key)
        } else {
            builder.put(raw: key)
            builder.endKey()
            builder.put(raw: left)
            builder.endLocator()
            builder.put(raw: rest)
        }
        builder.endRecord()
    }

    /// The right form in a rest, none where it is as the left one; nil when the rest is damaged.
    private static func rightForm(_ rest: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard rest.count >= 4 else { return rest.count == 0 ? rest : nil }
        let count = Int(UInt32(littleEndian: rest.loadUnaligned(as: UInt32.self)))
        guard count <= rest.count - 4 else { return nil }
        return UnsafeRawBufferPointer(rebasing: rest[4..<(4 + count)])
    }
}

/// The base of a table of which nothing is known yet.
struct StateEmptyCursor: RecordCursor {
    func next() async throws -> RecordBatch? { nil }
}

/// Takes one message of a binary copy apart.
private struct CopyRowReader {
    private var rest: UnsafeRawBufferPointer.SubSequence

    init(_ message: UnsafeRawBufferPointer) { rest = message[...] }

    private mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
        guard count >= 0, rest.count >= count else { throw StateDamage("a row that ends too early") }
        defer { rest = rest.dropFirst(count) }
        return UnsafeRawBufferPointer(rebasing: rest.prefix(count))
    }

    private mutating func number() throws -> Int {
        Int(Int32(bigEndian: try take(4).loadUnaligned(as: Int32.self)))
    }

    /// Signature, flags, and an extension of a given length.
    mutating func skipHeader() throws {
        _ = try take(15)
        _ = try take(try number())
    }

    /// The number of fields; nil at the end of the copy.
    mutating func beginRow() throws -> Int? {
        guard !rest.isEmpty else { return nil }
        let count = Int(Int16(bigEndian: try take(2).loadUnaligned(as: Int16.self)))
        return count < 0 ? nil : count
    }

    mutating func field() throws -> UnsafeRawBufferPointer { try take(try number()) }
}

extension BatchBuilder {
    /// Length and bytes, as ``ByteWriter`` counts them.
    fileprivate mutating func put(counted bytes: UnsafeRawBufferPointer) {
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: bytes.count).littleEndian) { put(raw: $0) }
        put(raw: bytes)
    }
}
