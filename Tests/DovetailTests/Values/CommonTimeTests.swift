import Testing

@testable import Dovetail

@Suite("Timestamps in the spelling of databases")
struct CommonTimeTests {
    @Test("the fast reader says what the careful one says, whatever single character is wrong")
    func agreesWithTheCarefulReader() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<400 {
            let moment = Timestamp(
                microseconds: Int64.random(in: -60_000_000_000...250_000_000_000, using: &random) * 1_000_001)
            let text = Array(String(moment.isoZ.prefix(19)).utf8) + Array(".123Z".utf8)
            guard text.count == 24 else { continue }
            for position in 0..<23 {
                for character in Array("0139:-T ./Z".utf8) {
                    var changed = text
                    changed[position] = character
                    // With another spelling of the zone only the careful reader reads it.
                    let fast = Timestamp.parse(String(decoding: changed, as: UTF8.self))
                    let careful = Timestamp.parse(
                        String(decoding: changed.dropLast() + Array("+00".utf8), as: UTF8.self))
                    #expect(
                        fast?.timestamp == careful?.timestamp, "\(String(decoding: changed, as: UTF8.self))")
                }
            }
        }
    }
}
