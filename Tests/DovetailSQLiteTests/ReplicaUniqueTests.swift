import Dovetail
import DovetailEngine
import DovetailSQLite
import DovetailTestSQLite
import Testing

@Suite("Values that must stay unique")
struct ReplicaUniqueTests {
    private func ranks(_ change: @escaping (Int64) -> Int64, of count: Int, columns: String) async throws
        -> [Int64]
    {
        let fixture = try ReplicaFixture(.sqlite, "CREATE TABLE t (id INTEGER PRIMARY KEY, \(columns))")
        let all = (1...count).map { "(\($0), \($0))" }.joined(separator: ", ")
        try fixture.run("INSERT INTO t VALUES \(all)")
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["id"]))
        let writes = try await replica.update(view, where: { _ in true }) { values in
            if case .int(let rank) = values[1] { values[1] = .int(change(rank)) }
        }
        let outcomes = try await replica.apply(writes, to: view).outcomes
        #expect(outcomes.areApplied)
        await replica.close()
        let found = try fixture.text("SELECT group_concat(rank) FROM (SELECT rank FROM t ORDER BY id)") ?? ""
        return found.split(separator: ",").compactMap { Int64($0) }
    }

    @Test(
        "Two records swap a unique value", arguments: ["rank INTEGER UNIQUE", "rank INTEGER NOT NULL UNIQUE"])
    func swap(columns: String) async throws {
        #expect(try await ranks({ 3 - $0 }, of: 2, columns: columns) == [2, 1])
    }

    @Test("Three records pass a unique value on in a ring")
    func ring() async throws {
        #expect(try await ranks({ $0 % 3 + 1 }, of: 3, columns: "rank INTEGER UNIQUE") == [2, 3, 1])
    }

    @Test("A thousand records move up by one", arguments: [Int64(1), -1])
    func shift(by step: Int64) async throws {
        let found = try await ranks({ $0 + step }, of: 1000, columns: "rank INTEGER UNIQUE")
        #expect(found == (1...1000).map { $0 + step })
    }

    @Test("A ring with one record that the store refuses leaves that one out")
    func brokenRing() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            CREATE TABLE t (id INTEGER PRIMARY KEY, rank INTEGER UNIQUE, name TEXT CHECK (name <> 'bad'));
            INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'), (4, 4, 'd'), (9, 9, 'in the way');
            """)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["id"]))
        let target: [Int64: Int64] = [1: 2, 2: 1, 3: 9, 4: 3]
        let writes = try await replica.update(view, where: { $0[0] != .int(9) }) { values in
            if case .int(let id) = values[0] { values[1] = .int(target[id] ?? 0) }
        }
        let outcomes = try await replica.apply(writes, to: view).outcomes
        #expect(outcomes.map(\.isApplied) == [true, true, false, false])
        #expect(outcomes[2].reason == "UNIQUE constraint failed: t.rank")
        #expect(outcomes[3].dependsOnOthers)
        #expect(
            try fixture.text("SELECT group_concat(rank) FROM (SELECT rank FROM t ORDER BY id)") == "2,1,3,4,9"
        )
        await replica.close()
    }

    @Test("Records of a table without row ids swap as well")
    func withoutRowid() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            CREATE TABLE t (code TEXT, area INTEGER, note TEXT UNIQUE,
                PRIMARY KEY (area, code)) WITHOUT ROWID;
            INSERT INTO t VALUES ('a', 1, 'x'), ('b', 1, 'y');
            """)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["code", "area"]))
        let writes = try await replica.update(view, where: { _ in true }) {
            $0[2] = $0[2] == .text("x") ? .text("y") : .text("x")
        }
        let outcomes = try await replica.apply(writes, to: view).outcomes
        #expect(outcomes.areApplied)
        #expect(try await replica.values(view).map { $0[2] } == [.text("y"), .text("x")])
        let deletes = try await replica.deletes(view) { $0[0] == .text("a") }
        #expect(
            try await replica.apply(deletes + [view.insert([.text("c"), .int(1), .null])], to: view).outcomes
                .areApplied)
        #expect(try fixture.text("SELECT group_concat(code) FROM t") == "b,c")
        await replica.close()
    }

    @Test("A constraint that would replace other records is not let to")
    func replacing() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            CREATE TABLE t (id INTEGER PRIMARY KEY, rank INTEGER UNIQUE ON CONFLICT REPLACE);
            INSERT INTO t VALUES (1, 1), (2, 2);
            """)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["id"]))
        let outcomes = try await replica.apply([view.insert([.int(3), .int(1)])], to: view).outcomes
        #expect(outcomes[0].reason == "UNIQUE constraint failed: t.rank")
        #expect(try fixture.text("SELECT count(*) FROM t") == "2")
        await replica.close()
    }
}
