// What a hub costs over the network: bytes, time and memory. Run it in a release build:
//
//     swift run -c release DovetailHubBenchmark [bytes|latency|idle|load] [COUNT [SECONDS]]
//
// The hub keeps its commits in memory, so what is measured is what is around it.

import Dovetail
import DovetailDocuments
import DovetailHub
import DovetailTestHub
import Foundation
import Synchronization

let arguments = CommandLine.arguments.dropFirst()
let count = arguments.dropFirst().first.flatMap { Int($0) } ?? 1_000
let seconds = arguments.dropFirst(2).first.flatMap { Int($0) } ?? 60

var limits = ServerLimits()
limits.rate = .init(perSecond: 1_000_000, burst: 1_000_000)

try await RunningServer.with(limits: limits) { server async throws in
    switch arguments.first ?? "all" {
    case "bytes": try await Bytes(server: server).run()
    case "latency": try await Latency(server: server).run(times: 200)
    case "idle": try await Load(server: server).idle(clients: count)
    case "load": try await Load(server: server).commits(clients: count, seconds: seconds)
    case "all":
        try await Bytes(server: server).run()
        try await Latency(server: server).run(times: 200)
        try await Load(server: server).idle(clients: count)
        try await Load(server: server).commits(clients: count, seconds: seconds)
    default: print("bytes, latency, idle or load")
    }
}
