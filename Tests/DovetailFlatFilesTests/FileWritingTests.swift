import Dovetail
import DovetailEngine
import DovetailFlatFiles
import Foundation
import Testing

@Suite("Writing a flat file")
struct FileWritingTests {
    private func kind(_ body: () async throws -> Void) async -> ReplicaError.Kind? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? ReplicaError)?.kind
        }
    }

    @Test("keeps its rights, and a link stays a link")
    func modeAndLink() async throws {
        let file = try FlatFile("t.csv", "nr,name\n1,a\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: file.url.path)
        let link = file.folder.appending(path: "link.csv")
        try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: "t.csv")
        let replica = FlatFileReplica(path: link.path, kind: .csv(), name: "link", table: "t")
        let view = try await file.view(key: ["nr"])
        let result = try await replica.apply([file.inserting([.int(2), .text("b")], key: [0])], to: view)
        guard case .applied = result.outcomes[0] else {
            Issue.record("\(result)")
            return
        }
        #expect(try file.text == "nr,name\n1,a\n2,b\n")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == "t.csv")
        let mode = try FileManager.default.attributesOfItem(atPath: file.url.path)[.posixPermissions] as? Int
        #expect(mode == 0o640)
        #expect(try file.files == ["link.csv", "t.csv"])
    }

    @Test("never happens to a read-only file")
    func readOnly() async throws {
        let file = try FlatFile("t.csv", "nr,name\n1,a\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: file.url.path)
        let kind = await kind {
            _ = try await file.apply([file.inserting([.int(2), .text("b")], key: [0])], key: ["nr"])
        }
        #expect(kind == .forbidden)
        #expect(try file.text == "nr,name\n1,a\n" && file.files == ["t.csv"])
    }

    @Test("a file that is not there, a folder, and one that vanished are named so")
    func missing() async throws {
        let file = try FlatFile("t.csv", "nr\n1\n")
        let view = try await file.view(key: ["nr"])
        try FileManager.default.removeItem(at: file.url)
        #expect(await file.complaint().contains("no such file: \(file.url.path)"))
        let vanished = await kind {
            _ = try await file.replica.apply([file.inserting([.int(2)], key: [0])], to: view)
        }
        #expect(vanished == .missing)
        let folder = FlatFileReplica(path: file.folder.path, kind: .csv(), name: "folder")
        #expect(await kind { _ = try await folder.describe() } == .unsuitable)
        let nowhere = FlatFileReplica(path: file.folder.path + "/no/t.csv", kind: .csv(), name: "nowhere")
        #expect(await kind { _ = try await nowhere.describe() } == .missing)
    }

    @Test("a look goes on to see the file that it opened, and the next one sees the new file")
    func looks() async throws {
        let file = try FlatFile("t.csv", "nr,name\n1,a\n")
        let view = try await file.view(key: ["nr"])
        let observation = try await file.replica.observe()
        try FileManager.default.removeItem(at: file.url)
        try file.write("nr,name\n5,e\n6,f\n")
        let cursor = try await observation.snapshot(of: view)
        #expect(try await cursor.next()?.count == 1)
        await observation.finish()
        #expect(try await file.records(key: ["nr"]).count == 2)
    }

    @Test("a file that is written to while it is read is no moment, and says so")
    func torn() async throws {
        let file = try FlatFile("t.csv", "nr,name\n1,a\n")
        let view = try await file.view(key: ["nr"])
        let observation = try await file.replica.observe()
        let handle = try FileHandle(forWritingTo: file.url)
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("2,b\n".utf8))
        try handle.close()
        let kind = await kind {
            let cursor = try await observation.snapshot(of: view)
            _ = try await cursor.next()
        }
        #expect(kind == .locked)
    }

    @Test(
        "a record that somebody changed since it was seen is not overwritten, and the rest of the file is theirs"
    )
    func overtaken() async throws {
        let file = try FlatFile("t.csv", "nr,name\n1,a\n2,b\n")
        let records = try await file.records(key: ["nr"])
        try FileManager.default.removeItem(at: file.url)
        try file.write("nr,name\n3,new\n2,b\n1,theirs\n")
        let outcomes = try await file.apply(
            [
                try file.updating(records[0], 1, to: .text("ours")),
                try file.updating(records[1], 1, to: .text("ours")),
            ],
            key: ["nr"])
        #expect(outcomes[0] == .overtaken)
        #expect(try file.text == "nr,name\n3,new\n2,ours\n1,theirs\n")
    }

    @Test("drafts of processes that were killed are removed, and others are not touched")
    func sweeps() async throws {
        let file = try FlatFile("t.csv", "nr,name\n1,a\n")
        for name in [
            ".t.csv.dovetail-999999999-1", ".t.csv.dovetail-\(getpid())-1", ".u.csv.dovetail-999999999-1",
        ] {
            try Data("x".utf8).write(to: file.folder.appending(path: name))
        }
        _ = try await file.apply([file.inserting([.int(2), .text("b")], key: [0])], key: ["nr"])
        #expect(try file.files == [".t.csv.dovetail-\(getpid())-1", ".u.csv.dovetail-999999999-1", "t.csv"])
    }

    @Test("many writers of one file lose nothing of each other", arguments: 0..<3)
    func contention(round: Int) async throws {
        let file = try FlatFile("t.csv", "nr,name\n0,a\n")
        let view = try await file.view(key: ["nr"])
        let path = file.url.path
        let written = await withTaskGroup(of: [Int64].self) { group in
            for writer in 0..<4 {
                group.addTask {
                    let replica = FlatFileReplica(path: path, kind: .csv(), name: "writer", table: "t")
                    var done: [Int64] = []
                    for turn in 0..<10 {
                        let id = Int64(1 + writer * 10 + turn)
                        let write = ReplicaWrite(
                            key: RecordKey([Value.int(id)]), expected: nil,
                            write: .insert(PackedRecord([.int(id), .text("w")])))
                        // One that is overtaken throws, and has written nothing.
                        if let result = try? await replica.apply([write], to: view),
                            case .applied = result.outcomes[0]
                        {
                            done.append(id)
                        }
                    }
                    return done
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        let ids = try await file.values(key: ["nr"]).map { $0[0] }
        #expect(!written.isEmpty)
        #expect(ids == ([0] + written.sorted()).map { .int($0) })
        #expect(try file.files == ["t.csv"])
    }

    @Test("conditions are refused in words")
    func filter() async throws {
        let file = try FlatFile("t.csv", "nr\n1\n")
        var view = try await file.view(key: ["nr"])
        view.filter = "nr > 1"
        let observation = try await file.replica.observe()
        let filtered = view
        #expect(await kind { _ = try await observation.isEmpty(filtered) } == .unsuitable)
    }
}
