import ArgumentParser

/// `dovetail`
struct RootCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dovetail",
        abstract: "Keeps two datasets in agreement, and proves that they agree.",
        discussion: """
            A job file says what is kept in agreement:

              dovetail init vejle.gpkg geofa.gpkg   look at both, write a job file
              dovetail plan vejle-geofa             what would a sync do?
              dovetail sync vejle-geofa             do it
              dovetail verify vejle-geofa           prove that both sides agree

            Exit codes: 0 both sides agree (plan: the plan was made) · 1 it failed, running again is safe · \
            2 the command or the job file is wrong, nothing was touched · 3 conflicts or rejected records \
            wait for a person (verify, diff: there are differences) · 4 a limit stopped it before anything \
            was written.
            """,
        version: "0.1.0",
        subcommands: [
            InitCommand.self, PlanCommand.self, SyncCommand.self, ApplyCommand.self, VerifyCommand.self,
            DiffCommand.self, RunsCommand.self, ConflictsCommand.self, UndoCommand.self, StatusCommand.self,
            CheckCommand.self, DocCommand.self, ServeCommand.self,
        ])
}
