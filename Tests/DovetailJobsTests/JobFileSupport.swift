import Testing

@testable import DovetailJobs

/// Two sides, for tests that are about something else.
let twoSides = """
    left: gpkg:a.gpkg
    right: gpkg:b.gpkg

    """

/// Parses a job file that lies in `/work`.
func parseJob(_ yaml: String, environment: [String: String] = [:]) throws -> JobFile {
    try JobFile.parse(yaml: yaml, path: "/work/benches.yaml", environment: environment)
}

/// Everything that is said about a wrong job file, without the file's path.
func complaints(_ yaml: String, environment: [String: String] = [:]) -> String {
    do {
        _ = try JobFile.parse(yaml: yaml, path: "job.yaml", environment: environment)
        return "nothing"
    } catch {
        return error.description
    }
}
