// What a hub costs over the network: bytes, time and memory. Run it in a release build:
//
//     DovetailHubBenchmark bytes                               what goes over the wire
//     DovetailHubBenchmark latency                             from a push to another client
//     DovetailHubBenchmark load DOVETAIL [CLIENTS [SECONDS]]   many clients at a hub of its own process: the built command
//
// For bytes and latency the hub keeps its commits in memory and is in this process: what is measured is what is around it.

import DovetailHub
import DovetailTestHub

let arguments = Array(CommandLine.arguments.dropFirst())
var limits = ServerLimits()
limits.rate = .init(perSecond: 1_000_000, burst: 1_000_000)

switch arguments.first {
case "bytes": try await RunningServer.with(limits: limits) { try await Bytes(server: $0).run() }
case "latency": try await RunningServer.with(limits: limits) { try await Latency(server: $0).run(times: 200) }
case "load" where arguments.count > 1:
    let numbers = arguments.dropFirst(2).compactMap { Int($0) }
    try await Load(binary: arguments[1], clients: numbers.first ?? 1_000).run(
        seconds: numbers.dropFirst().first ?? 60)
default: print("bytes, latency, or load DOVETAIL [CLIENTS [SECONDS]]")
}
