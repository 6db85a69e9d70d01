import DovetailModels
import GRDB

/// A place with devices.
struct Site: Model, Codable, FetchableRecord, PersistableRecord {
    var name = ""
    var region: String?

    static let definition = ModelDefinition<Self>("site", id: \.name, attributes: \.region)
}

/// A switch or a router.
struct Device: Model, Codable, FetchableRecord, PersistableRecord {
    enum Role: String, FieldValue, Codable { case leaf, spine }

    var site = ""
    var name = ""
    var role = Role.leaf

    static let definition = ModelDefinition<Self>(
        "device", id: \.site, \.name, attributes: \.role, parent: .to(Site.self, \.site))
}

/// A port of a device.
struct Interface: Model, Codable, FetchableRecord, PersistableRecord {
    var site = ""
    var device = ""
    var name = ""
    var mtu: Int?
    var enabled = true

    static let definition = ModelDefinition<Self>(
        "interface", id: \.site, \.device, \.name, attributes: \.mtu, \.enabled,
        parent: .to(Device.self, \.site, \.device))
}
