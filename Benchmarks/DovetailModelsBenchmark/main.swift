import DovetailModels
import Synchronization

// Measures datasets in code beside DiffSync (Benchmarks/models.py): sites of 20 devices of 49 interfaces each.
//
//     swift run -c release DovetailModelsBenchmark [SITES [compare | sync] | wide CHILDREN]
//
// Prints one JSON object: seconds of the processor for each step.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct Site: Model {
    var name = ""
    var region = ""
    var contact = ""
    static let definition = ModelDefinition<Self>("site", id: \.name, attributes: \.region, \.contact)
}

struct Device: Model {
    var site = ""
    var name = ""
    var role = ""
    var serial = ""
    var os = ""
    static let definition = ModelDefinition<Self>(
        "device", id: \.site, \.name, attributes: \.role, \.serial, \.os, parent: .to(Site.self, \.site))
}

struct Interface: Model {
    var site = ""
    var device = ""
    var name = ""
    var kind = ""
    var description = ""
    var mtu = 0
    var enabled = true
    static let definition = ModelDefinition<Self>(
        "interface", id: \.site, \.device, \.name, attributes: \.kind, \.description, \.mtu, \.enabled,
        parent: .to(Device.self, \.site, \.device))
}

func cpuSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Of 200 interfaces in a row two differ, one is only in the source and one only in the destination.
func fill(_ dataset: Dataset, sites: Int, isSource: Bool) throws {
    var count = 0
    for s in 0..<sites {
        let site = "site-\(s)"
        try dataset.add(Site(name: site, region: "region \(s % 7)", contact: "noc@\(site).example"))
        for d in 0..<20 {
            let device = "switch-\(d)"
            try dataset.add(
                Device(
                    site: site, name: device, role: d % 5 == 0 ? "spine" : "leaf", serial: "SN\(s * 20 + d)",
                    os: "4.28"))
            var interfaces: [Interface] = []
            for i in 0..<49 {
                count += 1
                if count % 200 == (isSource ? 50 : 150) { continue }
                let isChanged = isSource && count % 100 == 7
                interfaces.append(
                    Interface(
                        site: site, device: device, name: "Ethernet\(i)", kind: "1000base-t",
                        description: isChanged ? "changed" : "to port \(i) of the rack", mtu: 1500,
                        enabled: i % 9 != 0))
            }
            try dataset.add(contentsOf: interfaces)
        }
    }
}

/// All interfaces of one device.
func fillWide(_ dataset: Dataset, children: Int) throws {
    try dataset.add(Site(name: "site"))
    try dataset.add(Device(site: "site", name: "switch"))
    for i in 0..<children {
        try dataset.add(Interface(site: "site", device: "switch", name: "Ethernet\(i)", mtu: 1500))
    }
}

/// What was measured, and since when the next step runs.
struct Figures {
    private var lines: [String] = []
    private var last = cpuSeconds()

    mutating func start() { last = cpuSeconds() }
    mutating func lap(_ name: String) {
        note(name, cpuSeconds() - last)
        start()
    }
    mutating func note(_ name: String, _ figure: Double) { lines.append("\"\(name)\": \(figure)") }
    var json: String { "{" + lines.joined(separator: ", ") + "}" }
}

var figures = Figures()
let calls = Mutex(0)
let arguments = Array(CommandLine.arguments.dropFirst())
let (a, b) = (
    try Dataset("A", Site.self, Device.self, Interface.self),
    try Dataset("B", Site.self, Device.self, Interface.self)
)
figures.start()
if arguments.first == "wide" {
    try fillWide(a, children: Int(arguments.dropFirst().first ?? "") ?? 100_000)
    figures.lap("load")
} else {
    let sites = Int(arguments.first ?? "") ?? 100
    try fill(a, sites: sites, isSource: false)
    figures.lap("load")
    try fill(b, sites: sites, isSource: true)
    figures.lap("load the other")
    try a.on(
        Interface.self, create: { _ in calls.withLock { $0 += 1 } },
        update: { _ in calls.withLock { $0 += 1 } },
        delete: { _ in calls.withLock { $0 += 1 } })
    figures.start()
    if arguments.dropFirst().first != "sync" {
        let diff = try await a.diff(from: b)
        figures.lap("diff")
        _ = try await a.diff(from: b)
        figures.lap("diff again")
        figures.note("differences", Double(diff.summary.create + diff.summary.update + diff.summary.delete))
    }
    if arguments.dropFirst().first != "compare" {
        figures.start()
        let result = try await a.sync(from: b)
        figures.lap("sync")
        figures.note("applied", Double(result.applied.count))
        figures.note("hooks", Double(calls.withLock { $0 }))
    }
}
print(figures.json)
