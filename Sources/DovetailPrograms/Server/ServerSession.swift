import Dovetail
import DovetailEngine
import Foundation

/// What one client of a server has open: its looks, and snapshots of which it has not seen the end.
actor ServerSession {
    private let replica: any Replica
    private var looks: [Int: any Observation] = [:]
    private var cursors: [Int: OpenCursor] = [:]
    private var lastNumber = 0
    private var takesFrames = false
    /// As much as goes into one line.
    private static let batchBytes = 1 << 19

    private struct OpenCursor {
        var look: Int
        var view: TableView
        var cursor: any RecordCursor
        /// A batch of which the first bytes were sent.
        var rest: (batch: RecordBatch, offset: Int)?
    }

    init(_ replica: any Replica) { self.replica = replica }

    func close() async {
        for look in looks.values { await look.finish() }
        looks = [:]
        cursors = [:]
        await replica.close()
    }

    func answer(_ request: WireRequest, _ answer: inout WireAnswer) async throws {
        switch request.ask {
        case .hello:
            guard request.dovetail == Wire.version else {
                throw problem(
                    "it was built for version \(Wire.version) of the protocol, and is asked in version"
                        + " \(request.dovetail ?? 0); build it with the same version of Dovetail")
            }
            takesFrames = request.packed == Wire.packed
            answer.dovetail = Wire.version
            answer.can = WireAbility.all
        case .describe: answer.tables = try await replica.describe().map { WireTable($0) }
        case .observe:
            looks[number()] = try await replica.observe()
            answer.look = lastNumber
        case .prepare: try await replica.prepare(try (request.views ?? []).map { try view($0) })
        case .apply: try await apply(request, &answer)
        case .stamp:
            guard let mark = request.mark else { throw problem("“stamp” comes with a “mark”") }
            answer.isStamped = try await replica.stamp(mark)
        case .acknowledge:
            try await replica.acknowledge(
                job: request.job ?? "", view: try view(request.view),
                cursor: FeedCursor(request.cursor ?? ""))
        case .snapshot, .more: try await snapshot(request, &answer)
        case .identity, .read, .changes, .feedPosition, .isEmpty, .finish:
            try await look(request, &answer)
        case nil: throw problem("a request says what it asks for")
        }
    }

    private func look(_ request: WireRequest, _ answer: inout WireAnswer) async throws {
        let (number, look) = try look(request)
        switch request.ask {
        case .identity:
            let identity = try await look.identity(job: request.job ?? "")
            answer.marks = identity.marks
            answer.changeCounter = identity.changeCounter
        case .read:
            let view = try view(request.view)
            let references = (request.references ?? []).map(\.reference)
            let batch = RecordBatch(try await look.read(references, of: view))
            // All at once: as many as were asked for.
            _ = try put(batch, from: 0, limit: .max, view, into: &answer)
        case .changes:
            let cursor = FeedCursor(request.cursor ?? "")
            answer.changes = try await look.changes(of: try view(request.view), since: cursor).map {
                try WireChanges($0)
            }
        case .feedPosition: answer.cursor = try await look.feedPosition(of: try view(request.view))?.text
        case .isEmpty: answer.isEmpty = try await look.isEmpty(try view(request.view))
        default:
            looks[number] = nil
            cursors = cursors.filter { $0.value.look != number }
            await look.finish()
        }
    }

    // MARK: Snapshots

    private func snapshot(_ request: WireRequest, _ answer: inout WireAnswer) async throws {
        var number = request.more ?? 0
        if request.ask == .snapshot {
            let (look, observation) = try look(request)
            let view = try view(request.view)
            number = self.number()
            cursors[number] = OpenCursor(
                look: look, view: view, cursor: try await observation.snapshot(of: view))
        }
        // Taken out meanwhile: of one that fails nothing is left.
        guard var open = cursors.removeValue(forKey: number) else {
            throw problem("there is no open snapshot \(number)")
        }
        guard let (batch, offset) = try await nextPart(&open) else {
            answer.records = []
            return
        }
        let next = try put(batch, from: offset, limit: Self.batchBytes, open.view, into: &answer)
        open.rest = next.map { (batch, $0) }
        answer.more = number
        cursors[number] = open
    }

    private func nextPart(_ open: inout OpenCursor) async throws -> (batch: RecordBatch, offset: Int)? {
        if let rest = open.rest { return rest }
        return try await open.cursor.next().map { ($0, 0) }
    }

    /// - Returns: where the rest of the batch begins; nil: it is all in the answer.
    private func put(
        _ batch: RecordBatch, from start: Int, limit: Int, _ view: TableView, into answer: inout WireAnswer
    ) throws -> Int? {
        let (bytes, next) = batch.frames(from: start, limit: limit)
        if takesFrames {
            answer.frames = Data(bytes)
        } else {
            answer.records = try RecordBatch(frames: bytes).records().map { try WireRecord($0, view) }
        }
        return next
    }

    // MARK: Writes

    private func apply(_ request: WireRequest, _ answer: inout WireAnswer) async throws {
        let view = try view(request.view)
        let width = view.columns.count
        let writes: [ReplicaWrite]
        do {
            writes = try (request.writes ?? []).map { try $0.replicaWrite(width) }
        } catch let wrong as WireProblem {
            throw problem(wrong.words)
        }
        let result = try await replica.apply(writes, to: view)
        answer.outcomes = try result.outcomes.map { try WireOutcome($0, view) }
        answer.feedBefore = result.feed?.before.text
        answer.feedAfter = result.feed?.after.text
        answer.isProven = result.isProven
    }

    // MARK: What requests name

    private func number() -> Int {
        lastNumber += 1
        return lastNumber
    }

    private func look(_ request: WireRequest) throws -> (Int, any Observation) {
        guard let number = request.look, let look = looks[number] else {
            throw problem("there is no open look \(request.look.map(String.init) ?? "without a number")")
        }
        return (number, look)
    }

    private func view(_ view: WireView?) throws -> TableView {
        guard let view else { throw problem("the request comes without a “view”") }
        do {
            return try view.view()
        } catch let wrong as WireProblem {
            throw problem(wrong.words)
        }
    }

    private func problem(_ words: String) -> ReplicaError {
        ReplicaError(.failed, replica: replica.name, words)
    }
}
