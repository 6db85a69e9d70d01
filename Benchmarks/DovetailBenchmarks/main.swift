import Dovetail

// Measures the pure core: joining and reconciling base, left and right in memory, on one core.
//
//     swift run -c release DovetailBenchmarks [RECORDS] [PER MILLE CHANGED ON EACH SIDE]
//
// Prints one JSON object. `records` counts keys, each with up to three records.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
let count = arguments.first ?? 1_000_000
let changedPerMille = arguments.dropFirst().first ?? 10

let schema = TableSchema(
    "t",
    fields: [
        Field("id", .int), Field("name", .text), Field("city", .text), Field("status", .int),
        Field("size", .double),
        Field("changed", .text), Field("geom", .geometry(GeometryKind(type: "POINT", srid: 4326))),
    ], identity: .match(["id"]))

/// One side's records as batches of about 256 KB, `edit` saying what is different there.
func batches(_ edit: (Int) -> Int) -> [RecordBatch] {
    var batches: [RecordBatch] = []
    var builder = BatchBuilder(capacity: 300 << 10)
    for id in 0..<count {
        let wkb: [UInt8] = [1, 1, 0, 0, 0] + (0..<16).map { UInt8(truncatingIfNeeded: id >> ($0 % 8)) }
        builder.beginRecord()
        builder.putKey(int: Int64(id))
        builder.endKey()
        builder.endLocator()
        builder.put(int: Int64(id))
        builder.put(.text("a record with a name \(id)"))
        builder.put(.text("city \(id % 1000)"))
        builder.put(int: Int64(edit(id)))
        builder.put(double: Double(id) * 0.25)
        builder.put(.text("2024-05-01T10:00:00.000Z"))
        wkb.withUnsafeBytes { builder.put(srid: 4326, canonicalWKB: $0) }
        builder.endRecord()
        if builder.byteCount > 256 << 10 { batches.append(builder.seal()) }
    }
    batches.append(builder.seal())
    return batches
}

/// Counts entries; a run would spool them.
struct Count: PlanSink {
    var entries = 0
    mutating func emit(_ entry: PlanEntry) throws { entries += 1 }
}

func cpuSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var size = 0
    var resident = 0
    return withUnsafeMutablePointer(to: &size) { s in
        withUnsafeMutablePointer(to: &resident) { r in
            withVaList([s, r]) { vfscanf(file, "%ld %ld", $0) } == 2 ? r.pointee * 4096 : 0
        }
    }
}

let isChanged: (Int, Int) -> Bool = { id, offset in (id &* 7919 &+ offset) % 1000 < changedPerMille }
let base = batches { $0 % 7 }
let left = batches { isChanged($0, 0) ? -1 : $0 % 7 }
let right = batches { isChanged($0, 500) ? -2 : $0 % 7 }
let baseBatches = base.map { batch in
    RecordBatch(
        base: batch.records().map { BaseRecord(key: $0.key, left: $0.fields, right: $0.fields) })
}

var times: [Double] = []
var entries = 0
let before = residentBytes()
var peak = before
for _ in 0..<5 {
    var planner = Planner(schema: schema, rules: TableRules(), output: Count())
    var join = MergeJoin()
    var next: [JoinStream: Int] = [.base: 0, .left: 0, .right: 0]
    let streams: [JoinStream: [RecordBatch]] = [.base: baseBatches, .left: left, .right: right]
    let start = cpuSeconds()
    while let stream = try join.run(into: &planner) {
        let index = next[stream] ?? 0
        let batches = streams[stream] ?? []
        try join.feed(index < batches.count ? batches[index] : nil, to: stream)
        next[stream] = index + 1
        peak = max(peak, residentBytes())
    }
    planner.finish(join, complete: true)
    times.append(cpuSeconds() - start)
    entries = planner.output.entries
}
let median = times.sorted()[times.count / 2]
let bytesPerRecord = left.reduce(0) { $0 + $1.byteCount } / count
print(
    """
    {"records":\(count),"entries":\(entries),"seconds":\(median),"millionRecordsPerSecond":\(Double(count) / median / 1e6),\
    "packedBytesPerRecord":\(bytesPerRecord),"addedBytesPerRecord":\(Double(max(0, peak - before)) / Double(count))}
    """)
