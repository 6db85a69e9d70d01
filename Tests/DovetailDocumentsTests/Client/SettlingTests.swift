import Testing

@testable import DovetailDocuments

@Suite("Waiting for a save to be over")
final class SettlingTests {
    private var settling = Settling(times: Settling.Times())
    private let text = Settling.Content(hash: TextHash(of: [1]), isEmptied: false)
    private let half = Settling.Content(hash: TextHash(of: [2]), isEmptied: false)
    private let empty = Settling.Content(hash: .empty, isEmptied: true)
    private let gone = Settling.Content(hash: nil, isEmptied: false)

    /// Reads whenever it is time to.
    /// - Returns: when it was settled.
    private func settle(_ content: (Int64) -> Settling.Content) -> Int64? {
        for _ in 0..<100 {
            guard let next = settling.next else { return nil }
            for path in settling.due(at: next) where settling.read(path, content(next), at: next) {
                return next
            }
        }
        return nil
    }

    @Test("takes the quiet time, with a read in its middle")
    func quiet() {
        settling.happened(to: "a", isOpen: false, at: 0)
        #expect(settling.next == 125_000)
        #expect(settle { _ in text } == 250_000)
        #expect(settling.next == nil)
    }

    @Test("begins anew with each event, and where two reads differ")
    func anew() {
        settling.happened(to: "a", isOpen: false, at: 0)
        settling.happened(to: "a", isOpen: false, at: 200_000)
        #expect(settling.due(at: 250_000).isEmpty)
        #expect(settle { $0 < 400_000 ? half : text } == 700_000)
    }

    @Test("D02, D03: takes longer for an emptied file, and for one that is open")
    func patient() {
        settling.happened(to: "a", isOpen: false, at: 0)
        #expect(settle { _ in empty } == 2_000_000)
        settling.happened(to: "a", isOpen: true, at: 0)
        #expect(settle { _ in text } == 3_000_000)
        settling.happened(to: "a", isOpen: true, at: 0)
        settling.happened(to: "a", isOpen: false, at: 500_000)
        #expect(settle { _ in text } == 750_000)
    }

    @Test("D04: takes a grace time for a file that is gone")
    func grace() {
        settling.happened(to: "a", isOpen: false, at: 0)
        #expect(settle { _ in gone } == 1_000_000)
        settling.happened(to: "a", isOpen: false, at: 0)
        #expect(settling.read("a", gone, at: 125_000) == false)
        // It is made again.
        settling.happened(to: "a", isOpen: false, at: 600_000)
        #expect(settle { _ in text } == 850_000)
    }

    @Test("does not take for ever with a file that is written all the time")
    func bounded() {
        var number: UInt8 = 0
        settling.happened(to: "a", isOpen: true, at: 0)
        let end = settle { now in
            number &+= now < 10_000_000 ? 1 : 0
            return Settling.Content(hash: TextHash(of: [number]), isEmptied: false)
        }
        #expect(end.map { $0 >= 10_000_000 && $0 < 21_000_000 } == true)
    }
}
