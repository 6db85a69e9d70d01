import DovetailEngine
import DovetailJobs
import Foundation

/// A saved plan, and the job it is for.
struct PlanLocation {
    let url: URL
    private let job: String

    /// - Throws: ``UsageFailure``, `PlanFileError`.
    init(_ path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            throw UsageFailure("there is no plan “\(path)”; make one with: dovetail plan JOB --out FILE")
        }
        url = URL(fileURLWithPath: path)
        job = try PlanFile.read(url) { _ in }.job
    }

    /// The only job file beside the plan, or here, that has the plan's job.
    /// - Throws: ``UsageFailure``.
    func jobBeside() throws -> String {
        let folders = [url.deletingLastPathComponent().path, FileManager.default.currentDirectoryPath]
        for folder in folders {
            let fitting = JobPath.all(in: folder).filter { (try? JobFile.load(path: $0))?.job == job }
            if fitting.count == 1 { return fitting[0] }
            if fitting.count > 1 {
                throw UsageFailure(
                    "the plan is for the job \(job), and \(fitting.joined(separator: " and ")) both are it; "
                        + "name one: dovetail apply \(url.path) JOB")
            }
        }
        throw UsageFailure(
            "the plan is for the job \(job), and no job file of it is beside it; "
                + "name it: dovetail apply \(url.path) JOB")
    }
}
