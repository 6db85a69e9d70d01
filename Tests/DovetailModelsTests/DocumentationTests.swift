import DovetailModels
import Testing

/// The example of docs/datasets.md, as it stands there.
@Suite("The first example")
struct DocumentationTests {
    private struct Site: Model {
        var name = ""
        var region = ""
        static let definition = ModelDefinition<Self>("site", id: \.name, attributes: \.region)
    }

    private struct Device: Model {
        var site = ""
        var name = ""
        var role = ""
        static let definition = ModelDefinition<Self>(
            "device", id: \.site, \.name, attributes: \.role, parent: .to(Site.self, \.site))
    }

    @Test("prints what the page says, and leaves nothing to do")
    func example() async throws {
        let inventory = try Dataset("inventory", Site.self, Device.self)
        let network = try Dataset("network", Site.self, Device.self)
        for dataset in [inventory, network] { try dataset.add(Site(name: "nyc", region: "east")) }
        try inventory.add(Device(site: "nyc", name: "sw1", role: "leaf"))
        try network.add(contentsOf: [
            Device(site: "nyc", name: "sw1", role: "spine"), Device(site: "nyc", name: "sw2", role: "leaf"),
        ])
        #expect(
            try await inventory.diff(from: network).description == """
                site
                  site: nyc
                    device
                      device: nyc, sw1
                        role    network(spine)    inventory(leaf)
                      device: nyc, sw2 MISSING in inventory
                """)
        try await inventory.sync(from: network)
        #expect(try await inventory.diff(from: network).isEmpty)
    }
}
