import Foundation

/// A program that is asked about a text: the text on its stdin, its answer by its status, the reason on stderr.
struct RuleProgram: Sendable {
    let command: [String]
    /// How long it may take.
    let seconds: Double
    let document: DocumentName
    /// Bytes of a reason.
    private static let longestReason = 2000

    /// Statuses by which shells, and `env`, say that there is no such program, or that it is none.
    private static let notStarted: ClosedRange<Int32> = 126...127

    /// - Throws: ``HubError``: ``HubError/Kind/refused`` with its words, or that it took too long; ``HubError/Kind/forbidden`` when
    ///   it can't be started, which holds up this document, and says nothing against the text.
    func check(_ text: [UInt8]) async throws {
        let files: (input: FileHandle, errors: FileHandle)
        do {
            files = (try Self.hiddenFile(text), try Self.hiddenFile([]))
        } catch {
            throw unusable("\(error.localizedDescription)")
        }
        defer {
            try? files.input.close()
            try? files.errors.close()
        }
        let process = Process()
        guard let program = command.first, !program.isEmpty else {
            throw unusable("the rule names no program")
        }
        // Without a shell: the words of the command are its arguments as they stand.
        process.executableURL = URL(fileURLWithPath: program.contains("/") ? program : "/usr/bin/env")
        process.arguments = program.contains("/") ? Array(command.dropFirst()) : command
        process.standardInput = files.input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = files.errors
        guard try await ends(process) else {
            throw HubError(
                .refused,
                "“\(document)” was not changed: the program that checks it took longer than \(seconds) seconds"
            )
        }
        guard process.terminationReason != .exit || process.terminationStatus != 0 else { return }
        try? files.errors.seek(toOffset: 0)
        let words = String(
            decoding: (try? files.errors.read(upToCount: Self.longestReason)) ?? Data(), as: UTF8.self
        )
        .trimmingCharacters(in: .whitespacesAndNewlines)
        if process.terminationReason == .exit, Self.notStarted.contains(process.terminationStatus) {
            throw unusable(words.isEmpty ? "it ended with \(process.terminationStatus)" : words)
        }
        let reason =
            words.isEmpty ? "the program that checks it ended with \(process.terminationStatus)" : words
        throw HubError(.refused, "“\(document)” was not changed: \(reason)")
    }

    private func unusable(_ reason: String) -> HubError {
        HubError(
            .forbidden,
            "“\(document)” can't be changed now: the program that checks it can't be started (\(reason)); whoever runs the"
                + " hub has to mend the rule")
    }

    /// Whether it ended by itself in time.
    private func ends(_ process: Process) async throws -> Bool {
        let (ends, ended) = AsyncStream<Void>.makeStream()
        process.terminationHandler = { _ in ended.finish() }
        do { try process.run() } catch {
            let program = command.first ?? ""
            let isThere = access(program, X_OK) == 0
            throw unusable(
                "\(program): \(isThere ? error.localizedDescription : String(cString: strerror(errno)))")
        }
        let seconds = seconds
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in ends {}
                return !Task.isCancelled
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(seconds))
                return false
            }
            let isInTime = await group.next() ?? false
            group.cancelAll()
            if process.isRunning { await Self.stop(process) }
            return isInTime
        }
    }

    private static func stop(_ process: Process) async {
        process.terminate()
        for _ in 0..<20 where process.isRunning { try? await Task.sleep(for: .milliseconds(50)) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    /// A file without a name: nobody else opens it, and it is gone with its last user. A pipe would have to be fed while the program
    /// reads, and breaks when it does not.
    private static func hiddenFile(_ content: [UInt8]) throws -> FileHandle {
        var path = Array((NSTemporaryDirectory() + "dovetail-rule-XXXXXX").utf8CString)
        let descriptor = mkstemp(&path)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        unlink(path)
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try file.write(contentsOf: Data(content))
        try file.seek(toOffset: 0)
        return file
    }
}
