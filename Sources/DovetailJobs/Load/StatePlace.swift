public import DovetailEngine
import DovetailPostgres
import DovetailSQLite
import Foundation

/// Where a job's memory is: a file, or a schema of a PostgreSQL database.
private enum StatePlace {
    case file(String)
    case postgres(PostgresStateAddress)
}

extension JobFile {
    /// `.dovetail/JOB.state` beside the job file unless `state:` names another place.
    private func statePlace() throws(JobFileError) -> StatePlace {
        let name = job + ".state"
        switch state {
        case nil: return .file(folder + "/.dovetail/" + name)
        case .path(let path):
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            return .file(exists && isFolder.boolValue ? path + "/" + name : path)
        case .server(let source):
            do {
                return .postgres(try PostgresStateAddress(source.url ?? source.unmasked))
            } catch {
                let problem = problem(
                    at: "state", "the address \(error)", hint: "write postgresql://HOST/DATABASE?schema=NAME")
                throw JobFileError(problems: [problem])
            }
        }
    }

    /// Opens this job's memory for a run, making it when it is not there.
    /// - Throws: ``JobFileError``, `StateError`.
    public func openState() async throws -> any StateStore {
        switch try statePlace() {
        case .file(let path): try SQLiteStateStore.open(path: path, job: job)
        case .postgres(let address): try await PostgresStateStore.open(address, job: job)
        }
    }

    /// Opens this job's memory without making or changing anything.
    /// - Throws: ``JobFileError``, `StateError`.
    public func openStateForReading() async throws -> any StateStore {
        switch try statePlace() {
        case .file(let path): try SQLiteStateStore.openForReading(path: path, job: job)
        case .postgres(let address): try await PostgresStateStore.openForReading(address, job: job)
        }
    }

    /// Opens this job's memory for a person's decisions: what is there can be written, and nothing is made.
    /// - Throws: ``JobFileError``, `StateError`.
    public func openExistingState() async throws -> any StateStore {
        switch try statePlace() {
        case .file(let path):
            return FileManager.default.fileExists(atPath: path)
                ? try SQLiteStateStore.open(path: path, job: job)
                : try SQLiteStateStore.openForReading(path: path, job: job)
        case .postgres(let address): return try await PostgresStateStore.openExisting(address, job: job)
        }
    }
}
