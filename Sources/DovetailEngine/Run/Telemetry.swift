import Dovetail
public import Logging
import Metrics

/// Turns the events of a run into log lines and metrics. Values of records never go into either: logs are kept
/// longer, and read by more people, than the history that the job's settings govern.
public struct Telemetry: Sendable {
    private let job: String
    private let logger: Logger

    /// - Parameters:
    ///   - job: the job's name, a dimension of every metric and a field of every log line.
    ///   - logger: where log lines go.
    public init(job: String, logger: Logger) {
        self.job = job
        var logger = logger
        logger[metadataKey: "job"] = "\(job)"
        self.logger = logger
    }

    /// The handler to give to a ``Synchronizer``, alone or beside another.
    public var handler: EventHandler { { handle($0) } }

    private func handle(_ event: RunEvent) {
        switch event {
        case .started(let kind):
            logger.info("started", metadata: ["kind": "\(kind)"])
            count("runs_started", 1)
        case .observing(let table, let byFeed):
            logger.debug("observing", metadata: ["table": "\(table)", "by": byFeed ? "feed" : "snapshot"])
        case .observed(let table, let records):
            logger.debug("observed", metadata: ["table": "\(table)", "records": "\(records)"])
        case .planned(let table, let counts):
            logger.info(
                "planned",
                metadata: [
                    "table": "\(table)", "left": "\(counts.left.total)", "right": "\(counts.right.total)",
                    "conflicts": "\(counts.conflicts)", "refusals": "\(counts.refusals)",
                ])
            for side in Side.allCases {
                count("writes_planned", counts[side].total, ("table", table), ("side", side.rawValue))
            }
            Gauge(label: "dovetail_conflicts", dimensions: dimensions([("table", table)])).record(
                counts.conflicts)
        case .meetsAnew(let reason):
            logger.warning("the sides meet as for the first time", metadata: ["reason": "\(reason)"])
        case .applying(let table, let done, let total):
            logger.debug("applying", metadata: ["table": "\(table)", "done": "\(done)", "of": "\(total)"])
        case .normalised(let table, let side, _):
            logger.debug("a store gave a record back in another form", metadata: place(table, side))
            count("records_normalised", 1, ("table", table), ("side", side.rawValue))
        case .overtaken(let table, let side, _):
            logger.info("a record changed meanwhile and is planned again", metadata: place(table, side))
            count("records_overtaken", 1, ("table", table), ("side", side.rawValue))
        case .rejected(let table, let side, _, _):
            logger.warning("a record was rejected", metadata: place(table, side))
            count("records_rejected", 1, ("table", table), ("side", side.rawValue))
        case .conflict(let table, _):
            logger.info("a conflict", metadata: ["table": "\(table)"])
        case .remembered(let records):
            logger.debug("remembered", metadata: ["records": "\(records)"])
            count("records_remembered", records)
        case .finished(let status):
            logger.info("finished", metadata: ["status": "\(status.rawValue)"])
            count("runs_finished", 1, ("status", status.rawValue))
        }
    }

    private func place(_ table: String, _ side: Side) -> Logger.Metadata {
        ["table": "\(table)", "side": "\(side.rawValue)"]
    }

    private func count(_ name: String, _ value: Int, _ labels: (String, String)...) {
        guard value > 0 else { return }
        Counter(label: "dovetail_\(name)_total", dimensions: dimensions(labels)).increment(by: value)
    }

    private func dimensions(_ labels: [(String, String)]) -> [(String, String)] { [("job", job)] + labels }
}
