import Dovetail
import DovetailEngine
import DovetailPostgres
import DovetailTestPostgres
import Testing

/// Tables cut into parts by the server as they would be cut here.
@Suite("Parts of PostgreSQL's tables", .serialized, .databases(.plain))
struct DigestPartsTests {
    private static let keys: [(type: String, value: String)] = [
        ("int", "(i * 7919 % 20011) - 5000"), ("bigint", "i * 3002399751580331 - 4503599627370497"),
        ("smallint", "i"), ("numeric", "(i * 37 % 9001) / 8.0 - 300"), ("uuid", "md5(i::text)::uuid"),
        ("text", "chr(65 + i % 60) || md5(i::text)"), ("varchar(40)", "md5(i::text) || ' é'"),
        ("char(40)", "md5(i::text)"), ("bytea", "decode(md5(i::text), 'hex')"),
        ("date", "date '2000-01-01' + (i * 7 % 5003 - 2000)"),
        ("time", "time '00:00' + i * interval '13.7 seconds'"),
        ("timestamp", "timestamp '1990-01-01' + i * interval '5 days 1 second'"),
        ("timestamptz", "timestamptz '1990-01-01Z' + i * interval '5 days 1 second'"),
        // Without ranges.
        ("double precision", "i / 3.0"), ("interval", "make_interval(days => i)"),
        ("inet", "inet '10.0.0.0' + i"),
    ]

    @Test("have the keys that they have here, and add up, for every type of key", arguments: keys)
    func cut(type: String, value: String) async throws {
        let replica = try await Databases.current[0].replica(
            """
            CREATE TABLE things (id \(type) PRIMARY KEY, size int);
            INSERT INTO things SELECT \(value), i FROM generate_series(1, 3000) i; ANALYZE things;
            """)
        let view = try await replica.view("things")
        let keys = try await replica.records(view).map(\.key)
        #expect(keys.count == 3000)
        try await replica.look { observation in
            let adding = try #require(observation as? any DigestingObservation)
            let sample = try await adding.sampleKeys(of: view, count: 200)
            #expect(sample == Set(sample).sorted() && sample.count <= 200)
            let hasRanges = !["double precision", "interval", "inet"].contains(type)
            #expect(hasRanges ? sample.count > 100 : sample.isEmpty)
            // Keys of the other side, beyond both ends and of other types among them.
            var others = sample
            if hasRanges {
                others += [RecordKey([.null]), RecordKey([.bool(true)]), RecordKey([.list([])])]
                others += (0..<40).map { keys[$0 * 71] }.map { RecordKey(bytes: $0.bytes) }
                if type == "smallint" {
                    others += [.min, -40_000, 40_000, .max].map { RecordKey([.int($0)]) }
                }
                if type == "date" { others += [Int32.min, .min + 5, .max - 5, .max].map(Self.day) }
            }
            for bounds in [[], sample, Set(others).sorted()] {
                let parts = KeyParts(bounds: bounds)
                let ranges = try await adding.digests(of: view, parts: parts)
                var counts: [Int: UInt64] = [:]
                for key in keys { counts[parts.range(of: key), default: 0] += 1 }
                #expect(
                    Dictionary(uniqueKeysWithValues: ranges.map { ($0.position.range, $0.digest.count) })
                        == counts)
                let split = try await adding.digests(of: view, parts: KeyParts(bounds: bounds, splits: 4))
                for range in ranges {
                    #expect(split.sum { $0.range == range.position.range } == range.digest)
                }
                // Few of them by an index, many by looking at every row.
                for every in [1, 3, 97] {
                    let some = split.enumerated().filter { $0.offset % every == 0 }.map(\.element)
                    let inside = KeyParts(bounds: bounds, depth: 4, wanted: some.map(\.position), splits: 3)
                    let deeper = try await adding.digests(of: view, parts: inside)
                    for part in some {
                        #expect(
                            deeper.sum {
                                $0.range == part.position.range && $0.bucket & 15 == part.position.bucket
                            } == part.digest)
                    }
                    let found = try await adding.keyDigests(of: view, parts: inside)
                    var sum = SetDigest()
                    for key in found { sum.add(key.digest) }
                    #expect(sum == some.sum { _ in true }, "\(bounds.count) bounds, each \(every)th")
                }
            }
        }
        await replica.close()
    }

    private static func day(_ days: Int32) -> RecordKey { RecordKey([.date(CalendarDate(days: days))]) }

    @Test("of keys with several columns, ids that are no field, filtered, partitioned and oddly named tables")
    func shapes() async throws {
        let database = Databases.current[0]
        let replica = try await database.replica(
            """
            CREATE TABLE many (a text, b int, "part" int, "word0" text, place int, PRIMARY KEY (a, b));
            INSERT INTO many SELECT 'k' || i % 40, i, i, 'x', i FROM generate_series(1, 2000) i;
            CREATE TABLE "found" (fid bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, "dovetail place" text);
            INSERT INTO "found" ("dovetail place") SELECT 'x' || i FROM generate_series(1, 2000) i;
            CREATE TABLE parted (id int PRIMARY KEY, size int) PARTITION BY RANGE (id);
            CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (MINVALUE) TO (500);
            CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (500) TO (MAXVALUE);
            INSERT INTO parted SELECT i, i FROM generate_series(1, 2000) i;
            """)
        let views = [
            try await replica.view("many", .match(["a", "b"])),
            try await replica.view("many", .match(["b", "a"])),
            try await replica.view("many", .match(["a", "b"]), filter: "place > 1000 -- the latter half"),
            try await replica.view("found", .content, only: ["dovetail place"]),
            try await replica.view("parted"),
        ]
        for view in views {
            let records = try await replica.records(view)
            try await replica.look { observation in
                let adding = try #require(observation as? any DigestingObservation)
                #expect(try await adding.digestDialect(of: view) != nil)
                let bounds = try await adding.sampleKeys(of: view, count: 50)
                #expect(!bounds.isEmpty)
                let parts = KeyParts(bounds: bounds)
                var counts: [Int: UInt64] = [:]
                for record in records { counts[parts.range(of: record.key), default: 0] += 1 }
                let ranges = try await adding.digests(of: view, parts: parts)
                #expect(
                    Dictionary(uniqueKeysWithValues: ranges.map { ($0.position.range, $0.digest.count) })
                        == counts)
                let keys = try await adding.keyDigests(
                    of: view, parts: KeyParts(bounds: bounds, wanted: ranges.map(\.position)))
                #expect(keys.map(\.key) == records.map(\.key))
            }
        }
        await replica.close()
    }

    @Test("are none where a key may belong to several records, or a look at everything says more")
    func none() async throws {
        let database = Databases.current[0]
        let replica = try await database.replica(
            """
            CREATE TABLE plain (id int PRIMARY KEY, other int UNIQUE, third int NOT NULL UNIQUE, fourth int NOT NULL, t text,
                j jsonb NOT NULL UNIQUE);
            CREATE UNIQUE INDEX ON plain (fourth) WHERE fourth > 0;
            CREATE VIEW seen AS SELECT * FROM plain;
            CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent);
            CREATE TABLE far (id timestamp PRIMARY KEY); INSERT INTO far VALUES ('2024-01-01'), ('infinity');
            CREATE TABLE farther (id timestamp PRIMARY KEY); INSERT INTO farther VALUES ('294270-01-01');
            """)
        func has(_ table: String, _ key: String, only: [String]? = nil, of replica: PostgresReplica)
            async throws -> Bool
        {
            let view = try await replica.view(table, .match([key]), only: only)
            return try await replica.look {
                try await ($0 as? any DigestingObservation)?.digestDialect(of: view) != nil
            }
        }
        #expect(try await has("plain", "id", of: replica))
        #expect(try await has("plain", "third", of: replica))
        #expect(try await has("far", "id", of: replica))
        for (table, key) in [
            ("plain", "other"), ("plain", "fourth"), ("plain", "j"), ("seen", "id"), ("parent", "id"),
            ("farther", "id"),
        ] {
            #expect(try await has(table, key, of: replica) == false, "\(table) by \(key)")
        }
        let reading = PostgresReplica(database.conninfo, name: "postgres")
        #expect(try await has("plain", "id", of: reading) == false, "a small table")
        await replica.close()
        await reading.close()
        for kind in [DatabaseKind.latin1, .sqlASCII] {
            try await TestServer.shared().withDatabase(kind) { other in
                let replica = try await other.replica("CREATE TABLE plain (id int PRIMARY KEY, t text)")
                #expect(try await has("plain", "id", of: replica) == false, "\(kind)")
                await replica.close()
            }
        }
    }
}

extension [PartDigest] {
    fileprivate func sum(where isMeant: (PartPosition) -> Bool) -> SetDigest {
        var sum = SetDigest()
        for part in self where isMeant(part.position) { sum.add(part.digest) }
        return sum
    }
}
