import DovetailModels
import Foundation
import GRDB

/// Two inventories of one network: a JSON file that people edit, and a SQLite file that the network is run from.
@main
enum Inventories {
    static func main() async throws { try await Dataset.export(json(), sqlite()) }

    /// Only read: it has no hooks.
    static func json() throws -> Dataset {
        try Dataset("json", Site.self, Device.self, Interface.self) { dataset in
            let file = URL(filePath: "inventory.json")
            try dataset.add(Site.self, json: file, under: "sites")
            try dataset.add(Device.self, json: file, under: "devices")
            try dataset.add(Interface.self, json: file, under: "interfaces")
        }
    }

    /// Opened when it is first used: the other dataset does without it.
    static let database = Result { try DatabaseQueue(path: "network.sqlite") }

    static func sqlite() throws -> Dataset {
        let dataset = try Dataset("sqlite", Site.self, Device.self, Interface.self) { dataset in
            try await database.get().read { db in
                try dataset.add(contentsOf: Site.fetchAll(db))
                try dataset.add(contentsOf: Device.fetchAll(db))
                try dataset.add(contentsOf: Interface.fetchAll(db))
            }
        }
        try write(Site.self, of: dataset)
        try write(Device.self, of: dataset)
        try write(Interface.self, of: dataset)
        return dataset
    }

    /// Hooks that carry each change out in the database; what it refuses is reported in its own words.
    static func write<Subject: Model & FetchableRecord & PersistableRecord>(
        _ type: Subject.Type, of dataset: Dataset
    ) throws {
        try dataset.on(
            type,
            create: { record in try await database.get().write { try record.insert($0) } },
            update: { change in try await database.get().write { try change.after.update($0) } },
            delete: { record in try await database.get().write { _ = try record.delete($0) } })
    }
}
