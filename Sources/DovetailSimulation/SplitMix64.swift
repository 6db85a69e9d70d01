/// A small random generator, the same on every machine: everything in a simulation comes from one seed.
///
/// After Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(_ seed: UInt64) { state = seed }

    /// An independent stream for one component, so that the draws of one never shift those of another.
    public init(seed: UInt64, stream: String, _ number: Int = 0) {
        var mixed: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in stream.utf8 { mixed = (mixed ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        var first = SplitMix64(seed ^ mixed)
        state = first.next() &+ UInt64(truncatingIfNeeded: number) &* 0x9e37_79b9_7f4a_7c15
        state = next()
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// A number from 0 to `bound` - 1; 0 when there is none.
    mutating func below(_ bound: Int) -> Int { bound > 1 ? Int(next() % UInt64(bound)) : 0 }

    /// True in `share` of 1000 cases.
    mutating func chance(_ share: Int) -> Bool { below(1000) < share }

    mutating func pick<Element>(_ choices: [Element]) -> Element? {
        choices.isEmpty ? nil : choices[below(choices.count)]
    }

    mutating func pick<Element>(of first: Element, _ others: Element...) -> Element {
        let index = below(others.count + 1)
        return index == 0 ? first : others[index - 1]
    }
}
