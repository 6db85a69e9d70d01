import DovetailDiffSync

/// Sites with devices with interfaces, and folders in folders, for tests.
enum Forest {
    static let schema = Result {
        try DiffSyncSchema(
            topLevel: ["site"],
            models: [
                .init(
                    "site", identifiers: ["name"], attributes: ["region"],
                    children: [.init("device", as: "devices")]),
                .init(
                    "device", identifiers: ["name"], attributes: ["role"],
                    children: [.init("interface", as: "interfaces")]),
                .init(
                    "interface", identifiers: ["device", "name"], shortname: ["name"], attributes: ["mtu"]),
            ])
    }

    static let folders = Result {
        try DiffSyncSchema(
            topLevel: ["root"],
            models: [
                .init("root", identifiers: ["name"], children: [.init("folder", as: "folders")]),
                .init(
                    "folder", identifiers: ["name"], attributes: ["size"],
                    children: [.init("folder", as: "folders")]),
            ])
    }

    static func empty(_ name: String = "A") throws -> DiffSyncAdapter {
        DiffSyncAdapter(name, try schema.get())
    }

    /// Folders below each other, each with one more.
    static func chain(_ depth: Int, size: DiffSyncValue = 1) throws -> DiffSyncAdapter {
        var adapter = DiffSyncAdapter("chain", try folders.get())
        var parent = try adapter.add("root", ["name": "r"])
        for level in 0..<depth {
            parent = try adapter.add("folder", ["name": .int(level)], ["size": size], below: parent)
        }
        return adapter
    }

    /// Identifiers that joined to a text would be hard to tell apart.
    static let awkward: [DiffSyncValue] = [
        "a", "a__b", "b", "b__c", "c", "a,b", "a/b", "__", "", "None", .null, 1, "1", 1.5, true, "True", "é",
        "e\u{301}", "['a']",
    ]

    /// Some sites, devices and interfaces. Each device has one site for its name, so that nothing moves.
    static func random(_ name: String, seed: UInt64) throws -> DiffSyncAdapter {
        var random = SplitMix(state: seed)
        var adapter = try empty(name)
        for site in awkward where Bool.random(using: &random) {
            let parent = try adapter.add(
                "site", ["name": site], ["region": .int(.random(in: 0...1, using: &random))])
            for number in 0..<Int.random(in: 0...3, using: &random) {
                let device = DiffSyncValue.list([site, .int(number)])
                let below = try adapter.add(
                    "device", ["name": device], ["role": .int(.random(in: 0...1, using: &random))],
                    below: parent)
                for name in awkward.shuffled(using: &random).prefix(2) {
                    try adapter.add(
                        "interface", ["device": device, "name": name],
                        ["mtu": .int(.random(in: 0...1, using: &random))], below: below)
                }
            }
        }
        return adapter
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
