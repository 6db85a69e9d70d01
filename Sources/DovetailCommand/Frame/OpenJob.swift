import Dovetail
import DovetailEngine
import DovetailJobs
import Foundation

/// Finds job files by what the user calls them.
enum JobPath {
    /// The path of a job file: a path as it is, or a name whose `.yaml` is in this folder.
    /// - Throws: ``UsageFailure`` that names the jobs that are there.
    static func find(_ text: String) throws -> String {
        for path in [text, text + ".yaml", text + ".yml"] where isFile(path) { return path }
        let here = all()
        let known =
            here.isEmpty
            ? "no job file is here; make one with: dovetail init LEFT RIGHT"
            : "here are \(here.joined(separator: ", "))"
        throw UsageFailure("there is no job file “\(text)”; \(known)")
    }

    /// The job files of a folder.
    static func all(in folder: String = ".") -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted()
            .map { folder == "." ? $0 : folder + "/" + $0 }
    }

    private static func isFile(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
    }
}

/// A job that is open: its file, memory and replicas.
struct OpenJob {
    let path: String
    let file: JobFile
    let loaded: LoadedJob
    let state: any StateStore
    let synchronizer: Synchronizer
    let progress: Progress

    /// What messages tell the user to type.
    var name: String { Words.shell(path) }

    /// Opens a job, does `work`, and closes it whatever happens.
    /// - Parameter writing: whether the job's memory may be made and changed.
    static func with<Result>(
        _ reference: String, writing: Bool, _ output: OutputOptions, _ work: (OpenJob) async throws -> Result
    ) async throws -> Result {
        let path = try JobPath.find(reference)
        let file = try JobFile.load(path: path)
        let reading = try await file.openStateForReading()
        let stored: JobState
        do {
            stored = try await reading.load()
        } catch {
            await reading.close()
            throw error
        }
        let loaded: LoadedJob
        do {
            loaded = try await JobLoader(file).load(state: stored)
        } catch {
            await reading.close()
            throw error
        }
        // The memory is made only once the job is known to fit.
        let state: any StateStore
        if writing {
            await reading.close()
            do {
                state = try await file.openState()
            } catch {
                await loaded.close()
                throw error
            }
        } else {
            state = reading
        }
        let progress = Progress(output, job: loaded.job.name)
        let synchronizer = Synchronizer(
            job: loaded.job, state: state, owner: .thisProcess, clock: { Clock.now },
            events: { progress.receive($0) })
        let job = OpenJob(
            path: path, file: file, loaded: loaded, state: state, synchronizer: synchronizer,
            progress: progress)
        do {
            let result = try await work(job)
            progress.end()
            await state.close()
            await loaded.close()
            return result
        } catch {
            progress.end()
            await state.close()
            await loaded.close()
            throw error
        }
    }
}

/// A job of which only the memory is looked at.
struct RememberedJob {
    let path: String
    let file: JobFile
    let state: any StateStore

    /// What messages tell the user to type.
    var name: String { Words.shell(path) }

    var labels: Sides<String> { Sides(left: file.left.label, right: file.right.label) }

    static func with<Result>(
        _ reference: String, writing: Bool = false, _ work: (RememberedJob) async throws -> Result
    ) async throws -> Result {
        let path = try JobPath.find(reference)
        let file = try JobFile.load(path: path)
        let state = try await writing ? file.openExistingState() : file.openStateForReading()
        do {
            let result = try await work(RememberedJob(path: path, file: file, state: state))
            await state.close()
            return result
        } catch {
            await state.close()
            throw error
        }
    }
}

/// The time, as the engine counts it.
enum Clock {
    /// Microseconds since 1970.
    static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }

    /// A time for a person, to the second.
    static func words(_ time: Int64) -> String {
        Timestamp(microseconds: time - time % 1_000_000).isoZ
    }
}

extension LockOwner {
    /// This process, as others are told about it.
    static var thisProcess: LockOwner {
        LockOwner(
            process: ProcessInfo.processInfo.processIdentifier, host: ProcessInfo.processInfo.hostName,
            user: NSUserName(), command: "dovetail " + (CommandLine.arguments.dropFirst().first ?? ""),
            since: Clock.now)
    }
}
