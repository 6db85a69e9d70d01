import Dovetail
import DovetailModels
import Foundation
import Testing

@Suite("A diff of two datasets")
struct DiffTests {
    private func pair() throws -> (a: Dataset, b: Dataset) {
        let interfaces = (1...3).map { Interface(site: "nyc", device: "sw1", name: "eth\($0)", mtu: 1500) }
        let a = try network(
            "A", sites: [Site(name: "nyc", region: "east"), Site(name: "sfo")],
            devices: [Device(site: "nyc", name: "sw1"), Device(site: "sfo", name: "old")],
            interfaces: interfaces)
        var changed = interfaces
        changed[1].mtu = 9000
        let b = try network(
            "B", sites: [Site(name: "nyc", region: "east"), Site(name: "lon")],
            devices: [
                Device(site: "nyc", name: "sw1", seen: 7), Device(site: "lon", name: "new", role: .spine),
            ],
            interfaces: changed)
        return (a, b)
    }

    @Test("it is a tree that shows what differs, and under what it stands")
    func tree() async throws {
        let (a, b) = try pair()
        let diff = try await a.diff(from: b)
        #expect(
            diff.description == """
                site
                  site: lon MISSING in A
                    device
                      device: lon, new MISSING in A
                  site: nyc
                    device
                      device: nyc, sw1
                        interface
                          interface: nyc, sw1, eth2
                            mtu    B(9000)    A(1500)
                  site: sfo MISSING in B
                    device
                      device: sfo, old MISSING in B
                """)
        #expect(diff.summary == DiffSummary(create: 2, update: 1, delete: 2, unchanged: 4, skipped: 0))
    }

    @Test("as JSON it has the shape of DiffSync's dictionaries")
    func json() async throws {
        let (a, b) = try pair()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let json = String(decoding: try encoder.encode(try await a.diff(from: b)), as: UTF8.self)
        #expect(
            json
                == #"{"site":{"lon":{"+":{"region":null},"device":{"lon, new":{"+":{"role":"spine","tags":[]}}}},"#
                + #""nyc":{"device":{"nyc, sw1":{"interface":{"nyc, sw1, eth2":{"+":{"mtu":9000},"-":{"mtu":1500}}}}}},"#
                + #""sfo":{"-":{"region":null},"device":{"sfo, old":{"-":{"role":"leaf","tags":[]}}}}}}"#)
    }

    @Test("to and from are mirrored")
    func mirrored() async throws {
        let (a, b) = try pair()
        let from = try await a.diff(from: b)
        let back = try await b.diff(from: a)
        #expect(try await b.diff(to: a) == from)
        #expect(back.summary.create == from.summary.delete && back.summary.delete == from.summary.create)
        for (there, here) in zip(from.flattened, back.flattened) {
            #expect(there.depth == here.depth && there.element.name == here.element.name)
            #expect(there.element.attributes.map(\.old) == here.element.attributes.map(\.new))
        }
    }

    @Test(
        "a dataset does not differ from itself, and the order of loading does not matter", arguments: 1...20)
    func ordered(seed: UInt64) async throws {
        var random = Numbers(seed: seed)
        let devices = (0..<50).map { Device(site: "s\($0 % 3)", name: "d|\($0)", tags: ["x", "\($0)"]) }
        let sites = (0..<3).map { Site(name: "s\($0)") }
        let a = try network("A", sites: sites, devices: devices)
        let b = try network(
            "B", sites: sites.shuffled(using: &random),
            devices: devices.shuffled(using: &random).map { device in
                var device = device
                device.tags.reverse()
                return device
            })
        #expect(try await a.diff(from: a).isEmpty)
        #expect(try await a.diff(from: b).isEmpty)
    }

    @Test("a filter keeps what fits, and what it stands under")
    func filtered() async throws {
        let (a, b) = try pair()
        let updates = try await a.diff(from: b).filter { $0.action == .update }
        #expect(updates.flattened.map(\.element.name) == ["nyc", "nyc, sw1", "nyc, sw1, eth2"])
        #expect(updates.summary.create == 0 && updates.summary.update == 1 && updates.summary.unchanged == 4)
    }

    @Test("identifiers are never joined: separators in them mean nothing")
    func separators() async throws {
        let names = ["a__b", "a", "b", "b__c", ", ", "|", "/", "\u{0}", "", "é", "e\u{301}"]
        let all = names.flatMap { site in names.map { Device(site: site, name: $0) } }
        let a = try network("A", devices: all)
        let b = try network("B", devices: all.filter { $0 != Device(site: "a", name: "b__c") })
        let diff = try await a.diff(from: b)
        #expect(
            diff.summary == DiffSummary(create: 0, update: 0, delete: 1, unchanged: all.count - 1, skipped: 0)
        )
        #expect(diff.flattened.last?.element.identifiers.map(\.value) == [.text("a"), .text("b__c")])
    }

    @Test("records with one identity are left alone, and said to be")
    func duplicated() async throws {
        let a = try network("A", sites: [Site(name: "x")])
        let b = try network("B", sites: [Site(name: "x", region: "1"), Site(name: "x", region: "2")])
        let diff = try await a.diff(from: b)
        #expect(diff.isEmpty && diff.summary.skipped == 1)
    }

    @Test("an incomplete source deletes nothing")
    func incomplete() async throws {
        let (a, b) = try pair()
        b.markIncomplete("page 3 timed out")
        let diff = try await a.diff(from: b)
        #expect(diff.summary.delete == 0 && diff.summary.skipped == 2 && diff.summary.create == 2)
        #expect(diff.incomplete == "page 3 timed out")
    }

    @Test("both sides are loaded, once, and what a loader throws is told")
    func loading() async throws {
        struct Broken: Error {}
        let a = try Dataset("A", Site.self) { try $0.add(Site(name: "x")) }
        let b = try Dataset("B", Site.self) { _ in throw Broken() }
        await #expect(throws: Broken.self) { _ = try await a.diff(from: b) }
        let c = try Dataset("C", Site.self) { try $0.add(Site(name: "y")) }
        #expect(try await a.diff(from: c).summary.create == 1)
        #expect(try await a.diff(from: c).summary.delete == 1)
    }

    @Test("a type of one dataset alone is not compared, and said so")
    func uncompared() async throws {
        let a = try network("A", sites: [Site(name: "x")])
        let b = try Dataset("B", Site.self)
        try b.add(Site(name: "x"))
        #expect(try await a.diff(from: b).uncompared == ["device", "interface"])
        #expect(throws: ModelError.self) { try b.add(Device(site: "x", name: "y")) }
    }

    @Test("a tree fifty deep, and a circle of parents")
    func deep() async throws {
        let a = try Dataset("A", Folder.self)
        let b = try Dataset("B", Folder.self)
        for depth in 0...50 {
            try a.add(Folder(name: "f\(depth)", inside: depth > 0 ? "f\(depth - 1)" : nil))
        }
        for depth in 0...50 {
            try b.add(
                Folder(
                    name: "f\(depth)", inside: depth > 0 ? "f\(depth - 1)" : nil, size: depth == 50 ? 1 : 0))
        }
        let diff = try await a.diff(from: b)
        #expect(diff.flattened.map(\.depth) == Array(0...50))
        try b.add(Folder(name: "x", inside: "y"))
        try b.add(Folder(name: "y", inside: "x"))
        #expect(try await a.diff(from: b).summary.create == 2)
    }

    @Test("a reference that does not fit is refused in words")
    func misfit() throws {
        #expect(throws: ModelError.self) { _ = try Dataset("A", Misfit.self, Device.self) }
        #expect(throws: ModelError.self) { _ = try Dataset("A", Site.self, Site.self) }
    }
}

struct Folder: Model {
    var name = ""
    var inside: String?
    var size = 0

    static let definition = ModelDefinition<Self>(
        "folder", id: \.name, attributes: \.inside, \.size, parent: .to(Folder.self, \.inside))
}

private struct Misfit: Model {
    var name = ""
    var device = ""

    static let definition = ModelDefinition<Self>(
        "misfit", id: \.name, attributes: \.device, references: .to(Device.self, \.device))
}

/// SplitMix64.
struct Numbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
