import Testing

@testable import Dovetail

@Suite("Canonical JSON")
struct CanonicalJSONTests {
    @Test(
        "each value has one text",
        arguments: [
            (" { \"b\" : 1.0 , \"a\" : [ true , false , null ] } ", "{\"a\":[true,false,null],\"b\":1}"),
            ("1e2", "100"), ("-0.0", "0"), ("123456789012345678901.10", "123456789012345678901.1"),
            ("[]", "[]"),
            ("{}", "{}"), ("\"\\u00e9\\/\\ud83d\\ude00\"", "\"é/😀\""),
            ("\"\\u0000\\u001F\\n\\u007f\"", "\"\\u0000\\u001f\\n\u{7f}\""),
            ("{\"a\":1,\"a\":2}", "{\"a\":2}"),
            ("{\"b\":1,\"a\":2,\"b\":3,\"a\":{\"d\":1,\"c\":[]}}", "{\"a\":{\"c\":[],\"d\":1},\"b\":3}"),
            ("{\"\\u0061\":1,\"a\":2}", "{\"a\":2}"),
            ("{\"\":0,\"\u{FFFF}\":1,\"\u{10000}\":2}", "{\"\":0,\"\u{FFFF}\":1,\"\u{10000}\":2}"),
            ("{\"e\u{301}\":1,\"\u{e9}\":2}", "{\"e\u{301}\":1,\"\u{e9}\":2}"),
            ("\"\\\"\\\\\\b\\f\\r\\t\"", "\"\\\"\\\\\\b\\f\\r\\t\""),
        ])
    func canonicalText(text: String, canonical: String) throws {
        let written = try CanonicalJSON.canonical(text)
        #expect(Array(written.utf8) == Array(canonical.utf8))
        #expect(try CanonicalJSON.canonical(written) == written)
    }

    @Test(
        "what RFC 8259 does not allow is refused, with its place",
        arguments: [
            ("", 0), (" ", 1), ("tru", 0), ("nulll", 4), ("01", 1), ("1.", 2), (".5", 0), ("+1", 0), ("-", 1),
            ("1e", 2),
            ("[1,]", 3), ("[1 2]", 3), ("{\"a\"}", 4), ("{\"a\":}", 5), ("{a:1}", 1), ("{\"a\":1,}", 7),
            ("\"abc", 4),
            ("\"a\nb\"", 2), ("\"\\x\"", 2), ("\"\\u12g4\"", 5), ("\"\\ud800\"", 1), ("\"\\udc00\"", 1),
            ("\"\\ud800\\u0041\"", 1), ("\"\\ud800x\"", 1), ("1 1", 2), ("\u{FEFF}1", 0), ("NaN", 0),
            ("[", 1),
            ("{", 1), ("'a'", 0),
            ("1e200001", 0), ("[1\u{0}]", 2), ("/**/1", 0),
        ])
    func refused(text: String, offset: Int) throws {
        let error = #expect(throws: JSONSyntaxError.self) { try CanonicalJSON.canonical(text) }
        #expect(error?.offset == offset, "\(error?.description ?? "")")
    }

    @Test("nesting is limited to 512")
    func nesting() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(try CanonicalJSON.canonical(nested(512)) == nested(512))
        #expect(throws: JSONSyntaxError.self) { try CanonicalJSON.canonical(nested(513)) }
        let open = String(repeating: "[", count: 1_000_000)
        #expect(throws: JSONSyntaxError.self) { try CanonicalJSON.canonical(open) }
        let objects = String(repeating: "{\"a\":", count: 512) + "1" + String(repeating: "}", count: 512)
        #expect(try CanonicalJSON.canonical(objects) == objects)
    }

    @Test("short text cannot ask for endless zeros")
    func growth() throws {
        #expect(try CanonicalJSON.canonical("1e200000").utf8.count == 200_001)
        let many = "[" + [String](repeating: "1e200000", count: 100).joined(separator: ",") + "]"
        #expect(throws: JSONSyntaxError.self) { try CanonicalJSON.canonical(many) }
    }

    @Test("the order of keys, white space and spelling make no difference")
    func sameValueSameText() throws {
        var generator = ValueGenerator(seed: 20)
        for _ in 0..<300 {
            let value = Node.random(&generator, depth: 0)
            let first = try CanonicalJSON.canonical(value.text(&generator))
            #expect(try CanonicalJSON.canonical(value.text(&generator)) == first)
            #expect(try CanonicalJSON.canonical(first) == first)
        }
    }

    @Test("damaged text never traps")
    func damaged() throws {
        var generator = ValueGenerator(seed: 21)
        for _ in 0..<300 {
            var bytes = Array(Node.random(&generator, depth: 0).text(&generator).utf8)
            for _ in 0..<generator.int(1...3) {
                let damage = generator.pick(Array("{}[]\",:\\u0d8e-+.".utf8), else: 0)
                bytes[generator.int(0...bytes.count - 1)] = damage
            }
            if let text = try? CanonicalJSON.canonical(String(decoding: bytes, as: UTF8.self)) {
                #expect(try CanonicalJSON.canonical(text) == text)
            }
        }
    }

    /// A JSON value that can be spelled in many ways.
    private enum Node {
        case number(Int), string(String), array([Node]), object([String: Node]), word(String)

        static func random(_ generator: inout ValueGenerator, depth: Int) -> Node {
            switch generator.int(0...(depth > 4 ? 2 : 4)) {
            case 0: return .number(generator.int(-1000...1000))
            case 1: return .string(generator.pick(["", "é\n", "a\"b", "\\", "😀", "\u{1}"], else: ""))
            case 2: return .word(generator.pick(["true", "false"], else: "null"))
            case 3:
                return .array((0..<generator.int(0...4)).map { _ in random(&generator, depth: depth + 1) })
            default:
                var members: [String: Node] = [:]
                for _ in 0..<generator.int(0...5) {
                    members[generator.digits(0...2) + "é"] = random(&generator, depth: depth + 1)
                }
                return .object(members)
            }
        }

        func text(_ generator: inout ValueGenerator) -> String {
            let space = generator.pick(["", " ", "\n\t"], else: "")
            switch self {
            case .word(let word): return space + word + space
            case .number(let value):
                return space + generator.pick(["\(value)", "\(value).00", "\(value)0e-1"], else: "\(value)")
            case .string(let value): return space + Self.quoted(value, &generator)
            case .array(let items):
                return "[" + space + items.map { $0.text(&generator) }.joined(separator: ",") + space + "]"
            case .object(let members):
                let written = members.shuffled(using: &generator).map {
                    Self.quoted($0.key, &generator) + space + ":" + $0.value.text(&generator)
                }
                return "{" + space + written.joined(separator: ",") + space + "}"
            }
        }

        private static func quoted(_ value: String, _ generator: inout ValueGenerator) -> String {
            var text = "\""
            for unit in value.utf16 {
                let hex = String(unit, radix: 16, uppercase: generator.int(0...1) == 0)
                let plain = unit >= 0x20 && unit < 0x7f && unit != 0x22 && unit != 0x5c
                if plain, let scalar = Unicode.Scalar(unit) {
                    text.unicodeScalars.append(scalar)
                } else {
                    text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                }
            }
            return text + "\""
        }
    }
}
