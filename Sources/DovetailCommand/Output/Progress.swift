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
    private let telemetry: Telemetry?
    /// The length of the line that stands on the terminal.
    private let standing = Mutex(0)

    /// - Parameter job: The job whose run it is, for the log.
    init(_ output: OutputOptions, job: String) {
        style = output.quiet ? .none : isatty(2) == 1 ? .line : .plain
        guard output.verbose else {
            telemetry = nil
            return
        }
        var logger = Logger(label: "dovetail") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .debug
        telemetry = Telemetry(job: job, logger: logger)
    }

    func receive(_ event: RunEvent) {
        telemetry?.handler(event)
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
}
