import CLibPQ

/// Where a `COPY … TO STDOUT` that is read on demand stands.
enum CopyOutState {
    case none
    case reading(since: ContinuousClock.Instant)
}

extension Session {
    // MARK: - Out

    /// Reads `COPY … TO STDOUT`: each data message as libpq gives it, which is a row. With `FORMAT binary` the header
    /// and the trailer are messages too, or stand before the first row and behind the last one. `false` stops early.
    ///
    /// To stop early, the statement is cancelled: a transaction that was open has failed afterwards.
    func copyOut(_ sql: String, _ chunk: (UnsafeRawBufferPointer) throws -> Bool) throws {
        try beginCopyOut(sql)
        do {
            if try readCopyData(chunk) { try endCopyOut() }
        } catch {
            endCopyOutQuietly()
            throw error
        }
    }

    /// Begins a `COPY … TO STDOUT` whose rows are read on demand, by ``readCopyData(_:)`` or
    /// ``nextCopyData(_:)``, also in later calls of `perform`. Until ``endCopyOut()`` nothing else can be done on the connection.
    func beginCopyOut(_ sql: String) throws {
        let handle = try handleAtRest()
        let begun = ContinuousClock.now
        try canceller.running {
            // Sent by the simple protocol: COPY takes no parameters.
            let result = try accepted(PQexec(handle, sql), begun)
            defer { PQclear(result) }
            guard PQresultStatus(result) == PGRES_COPY_OUT else {
                leaveCopy()
                throw PostgresFailure(message: "the statement is no COPY … TO STDOUT")
            }
            openCopy = .reading(since: begun)
        }
    }

    /// Hands over messages until `chunk` says false. Returns false at the end, where the copy has ended without an
    /// error. For many rows: a cancellation is looked for once a call, not once a row; it ends the call all the same.
    func readCopyData(_ chunk: (UnsafeRawBufferPointer) throws -> Bool) throws -> Bool {
        guard case .reading(let begun) = openCopy else { return false }
        let handle = try handle()
        return try canceller.running {
            while true {
                var buffer: UnsafeMutablePointer<CChar>?
                let length = PQgetCopyData(handle, &buffer, 0)
                guard length >= 0, let buffer else {
                    openCopy = .none
                    try completeCopy(begun)
                    return false
                }
                defer { PQfreemem(buffer) }
                if try !chunk(UnsafeRawBufferPointer(start: buffer, count: Int(length))) { return true }
            }
        }
    }

    /// Hands over the next message; nil at the end, where the copy has ended without an error.
    func nextCopyData<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R? {
        var value: R?
        _ = try readCopyData {
            value = try body($0)
            return false
        }
        return value
    }

    /// Ends a copy. One that was not read to its end is cancelled; a transaction that was open has failed then.
    func endCopyOut() throws {
        guard case .reading = openCopy else { return }
        try canceller.running { endCopyOutQuietly() }
    }

    /// The same for the way out of an error.
    func endCopyOutQuietly() {
        guard case .reading = openCopy, let handle = try? handle() else { return }
        openCopy = .none
        if let cancel = PQgetCancel(handle) {
            var reason = [CChar](repeating: 0, count: 256)
            _ = PQcancel(cancel, &reason, Int32(reason.count))
            PQfreeCancel(cancel)
        }
        leaveCopy()
    }

    // MARK: - In

    /// Fills `COPY … FROM STDIN`; returns the number of rows. When `feed` throws, nothing of it is stored.
    func copyIn(_ sql: String, _ feed: (inout CopyInWriter) throws -> Void) throws -> Int {
        let handle = try handleAtRest()
        let begun = ContinuousClock.now
        return try canceller.running {
            let result = try accepted(PQexec(handle, sql), begun)
            defer { PQclear(result) }
            guard PQresultStatus(result) == PGRES_COPY_IN else {
                leaveCopy()
                throw PostgresFailure(message: "the statement is no COPY … FROM STDIN")
            }
            var writer = CopyInWriter(handle, canceller)
            do {
                try feed(&writer)
                try writer.flush()
            } catch {
                try abandonCopyIn(begun, error)
            }
            guard PQputCopyEnd(handle, nil) == 1 else { throw PostgresFailure(connection: handle) }
            return try completeCopy(begun)
        }
    }

    /// Tells the server to forget what came, and throws why: the server's own error if it had one before.
    private func abandonCopyIn(_ begun: ContinuousClock.Instant, _ reason: any Error) throws -> Never {
        let handle = try handle()
        if PQputCopyEnd(handle, "stopped") == 1 {
            do {
                try completeCopy(begun)
            } catch let failure as PostgresFailure where failure.sqlState != "57014" {
                throw failure
            } catch {}
        }
        throw reason
    }

    // MARK: - The end

    /// Reads the results that follow the data; returns the number of rows.
    @discardableResult
    private func completeCopy(_ begun: ContinuousClock.Instant) throws -> Int {
        let handle = try handle()
        var rows = 0
        var problem: (any Error)?
        while let result = PQgetResult(handle) {
            let status = PQresultStatus(result)
            do {
                let result = try accepted(result, begun)
                rows = Int(String(cString: PQcmdTuples(result))) ?? rows
                PQclear(result)
            } catch {
                // The first error says why; what follows is its consequence.
                problem = problem ?? error
            }
            if status == PGRES_COPY_IN || status == PGRES_COPY_OUT {
                leaveCopy()
                break
            }
        }
        if let problem { throw problem }
        return rows
    }

    /// Reads away whatever is under way, so that the next statement finds a connection at rest.
    func leaveCopy() {
        guard let handle = try? handle() else { return }
        if PQtransactionStatus(handle) == PQTRANS_ACTIVE { _ = PQputCopyEnd(handle, "not wanted") }
        while true {
            var buffer: UnsafeMutablePointer<CChar>?
            while PQgetCopyData(handle, &buffer, 0) >= 0 { PQfreemem(buffer) }
            guard let result = PQgetResult(handle) else { return }
            let status = PQresultStatus(result)
            PQclear(result)
            // Only a lost connection could give this without end.
            if PQstatus(handle) == CONNECTION_BAD { return }
            if status == PGRES_COPY_IN { _ = PQputCopyEnd(handle, "not wanted") }
        }
    }
}
