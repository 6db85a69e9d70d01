public import DovetailEngine
import DovetailSQLite
import Foundation

extension JobFile {
    /// The file that holds this job's memory: `.dovetail/JOB.state` beside the job file unless `state:` names
    /// another.
    /// - Throws: ``JobFileError`` when `state:` names a server, which this version can't use.
    public func statePath() throws(JobFileError) -> String {
        let name = job + ".state"
        switch state {
        case nil: return folder + "/.dovetail/" + name
        case .path(let path):
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            return exists && isFolder.boolValue ? path + "/" + name : path
        case .server:
            let problem = problem(
                at: "state", "this version keeps its memory in a file only",
                hint: "remove state:, or write the path of a file")
            throw JobFileError(problems: [problem])
        }
    }

    /// Opens this job's memory for a run, making it when it is not there.
    /// - Throws: ``JobFileError``, `StateError`.
    public func openState() throws -> any StateStore {
        try SQLiteStateStore.open(path: statePath(), job: job)
    }

    /// Opens this job's memory without making or changing anything.
    /// - Throws: ``JobFileError``, `StateError`.
    public func openStateForReading() throws -> any StateStore {
        try SQLiteStateStore.openForReading(path: statePath(), job: job)
    }
}
