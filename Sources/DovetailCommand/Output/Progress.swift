import Dovetail
import DovetailEngine
import Foundation
import Logging
import Synchronization

/// Shows what a run is doing: one line that is rewritten on a terminal, plain lines elsewhere, and a log with
/// `--verbose`.
final class Progress: Sendable {
    private enum Style { case none, line, plain }

    private let style: Style
    private let logger: Logger?
    /// The length of the line that stands on the terminal.
    private let standing = Mutex(0)

    init(_ output: OutputOptions) {
        style = output.quiet ? .none : isatty(2) == 1 ? .line : .plain
        guard output.verbose else {
            logger = nil
            return
        }
        var logger = Logger(label: "dovetail") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .debug
        self.logger = logger
    }

    func receive(_ event: RunEvent) {
        if let logger { log(event, logger) }
        switch event {
        case .observing(let table, let byFeed):
            // On a pipe the outcome says it all.
            if style == .line { show("\(Safe.line(table)): \(byFeed ? "reading changes" : "comparing") …") }
        case .observed(let table, let records): show("\(Safe.line(table)): \(records) records compared")
        case .planned(let table, let counts):
            let looked = counts.records.map { max($0.left, $0.right) }
            let writes = counts.left.total + counts.right.total
            show(
                "\(Safe.line(table)): \(looked.map { "\($0) records" } ?? "changes") compared, "
                    + "\(writes) to write")
        case .meetsAnew(let reason): show("the sides meet as for the first time: \(Safe.line(reason))")
        case .applying(let table, let done, let count): show("\(Safe.line(table)): \(done) of \(count)")
        case .started, .normalised, .overtaken, .rejected, .conflict, .remembered, .finished: break
        }
    }

    /// Clears the line, so that what follows starts on a fresh one.
    func end() {
        guard style == .line else { return }
        standing.withLock { length in
            if length > 0 { Console.errorRaw("\r\u{1B}[K") }
            length = 0
        }
    }

    private func show(_ text: String) {
        switch style {
        case .none: break
        case .plain: Console.error(text)
        case .line:
            standing.withLock { length in
                let line = String(text.prefix(100))
                Console.errorRaw("\r\u{1B}[K" + line)
                length = line.count
            }
        }
    }

    private func log(_ event: RunEvent, _ logger: Logger) {
        switch event {
        case .started(let kind): logger.info("\(kind) started")
        case .observing(let table, let byFeed):
            logger.debug("observing", metadata: ["table": "\(table)", "by": byFeed ? "feed" : "snapshot"])
        case .observed(let table, let records):
            logger.debug("observed", metadata: ["table": "\(table)", "records": "\(records)"])
        case .planned(let table, let counts):
            logger.debug(
                "planned",
                metadata: [
                    "table": "\(table)", "left": "\(counts.left.total)", "right": "\(counts.right.total)",
                    "conflicts": "\(counts.conflicts)", "refusals": "\(counts.refusals)",
                ])
        case .meetsAnew(let reason): logger.notice("meets anew", metadata: ["reason": "\(reason)"])
        case .applying(let table, let done, let count):
            logger.debug("applying", metadata: ["table": "\(table)", "done": "\(done)", "of": "\(count)"])
        case .normalised(let table, let side, let key):
            logger.info("normalised", metadata: metadata(table, side, key))
        case .overtaken(let table, let side, let key):
            logger.notice("overtaken", metadata: metadata(table, side, key))
        case .rejected(let table, let side, let key, let reason):
            logger.warning(
                "rejected",
                metadata: metadata(table, side, key).merging(["reason": "\(Safe.line(reason))"]) { $1 })
        case .conflict(let table, let key):
            logger.notice("conflict", metadata: ["table": "\(table)", "key": "\(key.words)"])
        case .remembered(let records): logger.debug("remembered", metadata: ["records": "\(records)"])
        case .finished(let status): logger.info("finished", metadata: ["status": "\(status.rawValue)"])
        }
    }

    private func metadata(_ table: String, _ side: Side, _ key: RecordKey) -> Logger.Metadata {
        ["table": "\(table)", "side": "\(side.rawValue)", "key": "\(key.words)"]
    }
}
