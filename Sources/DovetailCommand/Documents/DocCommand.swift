import ArgumentParser

/// `dovetail doc`
struct DocCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doc", abstract: "Shared texts: kept in agreement with a hub, with every version.",
        discussion: """
              dovetail doc watch notes --hub https://hub.example/team   keep a folder in agreement
              dovetail doc log notes/today.txt --patch                  who changed what, and when
              dovetail doc conflicts notes                              what waits for a decision
            """,
        subcommands: [
            DocWatchCommand.self, DocPushCommand.self, DocPullCommand.self, DocStatusCommand.self,
            DocListCommand.self, DocLogCommand.self, DocShowCommand.self, DocDiffCommand.self,
            DocBlameCommand.self, DocRestoreCommand.self, DocConflictsCommand.self, DocResolveCommand.self,
        ])
}
