/// Watching: the same as ``DocumentClient/synchronize()``, for each document when something happens to it.
extension DocumentClient {
    /// Keeps the documents in agreement until the task is cancelled. A hub that is away is waited for.
    /// - Throws: ``FileProblem`` when the files or the client's memory can't be used at all; ``FileProblem`` too when another client has them.
    public func run() async throws {
        try await open()
        isWatching = true
        scanAt = clock.now
        let watcher = makeWatcher()
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.watch(watcher) }
                group.addTask { try await self.listen() }
                group.addTask { try await self.work() }
                // Each goes on until it is cancelled; the first that can't ends all.
                try await group.next()
                group.cancelAll()
            }
        } catch is CancellationError {
        } catch {
            await stop()
            throw error
        }
        await stop()
    }

    private func stop() async {
        isWatching = false
        await close()
    }

    private func makeWatcher() -> any FileWatcher {
        if let watcher { return watcher }
        #if os(Linux)
            if !options.polls, files is SystemFiles { return InotifyWatcher() }
        #endif
        return PollingWatcher(files: files, clock: clock, interval: options.poll)
    }

    // MARK: Files

    private func watch(_ watcher: any FileWatcher) async throws {
        var watcher = watcher
        while true {
            do {
                for try await hint in watcher.hints(
                    of: source.folder, deep: source.only == nil, besides: "\(statePath)/decisions")
                {
                    take(hint)
                }
            } catch let error as FileProblem {
                // The system has no room for more watches, or the folder is gone: then it is looked at now and then.
                tell(.problem(nil, error.message))
                watcher = PollingWatcher(files: files, clock: clock, interval: options.poll)
            }
            try Task.checkCancellation()
            try await clock.sleep(until: clock.now + options.poll.microseconds)
            scanAt = 0
            wake.signal()
        }
    }

    private func take(_ hint: FileHint) {
        switch hint {
        case .changed(let path, let isOpen):
            guard !IgnoredNames.ignores(path: path), folder?.only.map({ $0.path == path }) ?? true else {
                return
            }
            settling.happened(to: path, isOpen: isOpen, at: clock.now)
        case .decided: break
        case .overflow: scanAt = 0
        }
        wake.signal()
    }

    /// Finds what changed in the folder without having been told.
    /// - Parameter reading: reads every file; else those that look alike are taken for unchanged.
    /// - Returns: documents whose files are new, changed or gone.
    func scanFolder(reading: Bool) throws -> Set<DocumentName> {
        guard let folder else { return [] }
        let scan = try folder.scan()
        for (path, problem) in scan.problems where nameProblems[path] != problem {
            tell(.problem(nil, problem))
        }
        nameProblems = scan.problems
        var changed: Set<DocumentName> = []
        for (name, file) in scan.files {
            if !reading, let known = seen[name], known == file { continue }
            changed.insert(name)
            try take(path: file.path, of: name)
        }
        for record in memory?.records.values.map({ $0 }) ?? []
        where scan.isGone(record) && record.agreed.text != nil {
            changed.insert(record.document)
        }
        seen = scan.files
        return changed
    }

    /// Reads files that were quiet, and queues those whose text is another one than is agreed.
    private func readQuiet() throws {
        guard let folder else { return }
        for path in settling.due(at: clock.now) {
            guard let name = try? DocumentName(path) else {
                _ = settling.read(path, Settling.Content(hash: nil, isEmptied: false), at: clock.now)
                continue
            }
            let text: [UInt8]?
            var path = path
            do throws(FileProblem) {
                if let other = try folder.otherForm(of: path) { path = other }
                text = try folder.read(path)
            } catch {
                // A folder of that name, or a file without the right to read it: not a document's text.
                settling.forget(path)
                if try files.facts(of: folder.path(path))?.kind == .file {
                    note(problem: error.message, of: name)
                }
                continue
            }
            let agreed = memory?.records[name]?.agreed.text
            if text != nil { try take(path: path, of: name) }
            let hash = text.map { TextHash(of: $0) }
            let content = Settling.Content(
                hash: hash, isEmptied: text?.isEmpty == true && agreed != nil && agreed != hash)
            guard hash != agreed || memory?.records[name]?.conflict != nil else {
                settling.forget(path)
                settled[name] = hash
                // The hub's news may have waited for the edit that this was.
                queue.insert(name)
                continue
            }
            guard settling.read(path, content, at: clock.now) else { continue }
            settled[name] = hash
            if text != nil, let facts = try files.facts(of: folder.path(path)) { seen[name] = (path, facts) }
            queue.insert(name)
        }
    }

    private func note(problem: String, of document: DocumentName) {
        guard problems[document] != problem else { return }
        problems[document] = problem
        tell(.problem(document, problem))
    }

    // MARK: The hub

    private func listen() async throws {
        var backoff = Backoff(first: 200_000, most: options.longestRetry.microseconds)
        while true {
            do {
                if epoch == nil {
                    try await learn()
                    hasDecisions = true
                    queue.formUnion(heads.keys)
                }
                hubIsBack()
                for try await event in hub.events(after: place, epoch: epoch ?? 0) {
                    backoff.succeed()
                    take(event)
                    if epoch == nil { break }
                }
            } catch let error as HubError {
                hubIsAway(error)
            }
            try Task.checkCancellation()
            if epoch == nil, backoff.failures == 0 { continue }
            try await clock.sleep(until: clock.now + backoff.fail(using: &random))
        }
    }

    private func take(_ event: HubEvent) {
        switch event {
        case .commit(let commit):
            note(commit)
            place = max(place, commit.place)
            queue.insert(commit.document)
        case .conflict(let id, let at):
            place = max(place, at)
            guard memory?.records.values.contains(where: { $0.conflict?.id == id }) ?? false else { return }
            hasDecisions = true
        case .restart:
            forgetHub()
        case .alive: return
        }
        wake.signal()
    }

    private func hubIsAway(_ error: HubError) {
        if !isHubAway { tell(.hubAway(error.message)) }
        isHubAway = true
    }

    private func hubIsBack() {
        if isHubAway { tell(.hubBack) }
        isHubAway = false
        retryAt = 0
        wake.signal()
    }

    // MARK: Work

    private func work() async throws {
        while true {
            try Task.checkCancellation()
            await enter()
            do {
                try await workOnce()
            } catch {
                leave()
                throw error
            }
            leave()
            await wake.wait(until: nextMoment, clock)
        }
    }

    private func workOnce() async throws {
        let now = clock.now
        do {
            try carryOutDecisions()
            if now >= scanAt {
                // Before it, so that a scan that fails is not tried at once again.
                scanAt = now + options.scan.microseconds
                for name in try scanFolder(reading: true) {
                    settling.happened(to: record(of: name).path, isOpen: false, at: now)
                }
            }
            try readQuiet()
        } catch let error as FileProblem {
            tell(.problem(nil, error.message))
        }
        for (document, moment) in later where now >= moment {
            later[document] = nil
            queue.insert(document)
        }
        guard epoch != nil, now >= retryAt else { return }
        do {
            if hasDecisions { try await carryOutDecisionsOfHub() }
            try await agreeQueued()
            try await tellHub()
            backoff.succeed()
            if isHubAway { hubIsBack() }
        } catch let error as HubError {
            hubIsAway(error)
            let wait = backoff.fail(using: &random)
            retryAt = clock.now + max(wait, error.retryAfter?.microseconds ?? 0)
        } catch let error as FileProblem {
            tell(.problem(nil, error.message))
            retryAt = clock.now + backoff.fail(using: &random)
        }
    }

    /// When there is something to do without anything happening.
    private var nextMoment: Int64 {
        var moments = [scanAt] + [settling.next].compactMap { $0 } + Array(later.values)
        if !queue.isEmpty, epoch != nil { moments.append(retryAt) }
        return moments.min() ?? scanAt
    }
}
