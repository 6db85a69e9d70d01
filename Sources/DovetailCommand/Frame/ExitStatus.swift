import ArgumentParser

/// What the command tells the shell when it ends. Scripts depend on these.
enum ExitStatus: Int32 {
    /// Both sides agree; for `plan`: the plan was made.
    case agreed = 0
    /// The run failed; both sides are in a valid state, and running again is safe.
    case failed = 1
    /// The command or the job file is wrong; nothing was touched.
    case wrong = 2
    /// Done, but conflicts or rejected records wait for a person; for `verify` and `diff`: there are
    /// differences.
    case waiting = 3
    /// A limit stopped it before anything was written.
    case limited = 4

    /// Ends the command with this status, when it is not success.
    func end() throws {
        if self != .agreed { throw ExitCode(rawValue) }
    }
}
