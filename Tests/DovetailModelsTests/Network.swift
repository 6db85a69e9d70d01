import Dovetail
import DovetailModels

/// Two systems that know the same network.
struct Site: Model, Equatable {
    var name = ""
    var region: String?

    static let definition = ModelDefinition<Self>("site", id: \.name, attributes: \.region)
}

struct Device: Model, Equatable {
    enum Role: String, FieldValue { case leaf, spine }

    var site = ""
    var name = ""
    var role = Role.leaf
    var tags: [String] = []
    /// Local: neither compared nor sent.
    var seen = 0

    static let definition = ModelDefinition<Self>(
        "device", id: \.site, \.name, attributes: \.role, \.tags, parent: .to(Site.self, \.site)
    ).comparing(\.tags, FieldOptions(unordered: true))
}

struct Interface: Model, Equatable {
    var site = ""
    var device = ""
    var name = ""
    var mtu: Int?
    var speed = 0.0

    static let definition = ModelDefinition<Self>(
        "interface", id: \.site, \.device, \.name, attributes: \.mtu, \.speed,
        parent: .to(Device.self, \.site, \.device))
}

func network(_ name: String, sites: [Site] = [], devices: [Device] = [], interfaces: [Interface] = []) throws
    -> Dataset
{
    let dataset = try Dataset(name, Site.self, Device.self, Interface.self)
    try dataset.add(contentsOf: sites)
    try dataset.add(contentsOf: devices)
    try dataset.add(contentsOf: interfaces)
    return dataset
}
