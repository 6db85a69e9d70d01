/// Writes the canonical form while the source is read.
struct CanonicalWriter: WKBVisitor {
    let source: UnsafeRawBufferPointer
    /// At least as long as the source, which is as much as the canonical form can take.
    let target: UnsafeMutableRawBufferPointer
    private(set) var length = 0
    private(set) var srid: Int32?

    init(source: UnsafeRawBufferPointer, target: UnsafeMutableRawBufferPointer) {
        self.source = source
        self.target = target
    }

    mutating func header(_ header: WKBHeader, at bytes: Range<Int>) throws(WKBError) {
        // The parts of a geometry take on its SRID, so that this is the outermost one.
        srid = header.srid
        target[length] = 1
        length += 1
        write(header.isoCode)
    }

    mutating func count(_ count: Int, at bytes: Range<Int>) throws(WKBError) {
        write(UInt32(truncatingIfNeeded: count))
    }

    mutating func points(_ bytes: Range<Int>, of header: WKBHeader) throws(WKBError) {
        for offset in stride(from: bytes.lowerBound, to: bytes.upperBound, by: 8) {
            let bits = WKBReader.bits(source, at: offset, header.littleEndian)
            write(WKBReader.isNaN(bits) ? WKBReader.canonicalNaN : bits)
        }
    }

    private mutating func write<Word: FixedWidthInteger & BitwiseCopyable>(_ word: Word) {
        target.storeBytes(of: word.littleEndian, toByteOffset: length, as: Word.self)
        length += MemoryLayout<Word>.size
    }
}

/// Throws at the first thing that is not as the canonical form has it.
struct CanonicalCheck: WKBVisitor {
    let source: UnsafeRawBufferPointer

    mutating func header(_ header: WKBHeader, at bytes: Range<Int>) throws(WKBError) {
        guard header.littleEndian, header.code == header.isoCode else {
            throw WKBError(offset: bytes.lowerBound, reason: .notCanonical)
        }
    }

    mutating func count(_ count: Int, at bytes: Range<Int>) throws(WKBError) {}

    mutating func points(_ bytes: Range<Int>, of header: WKBHeader) throws(WKBError) {
        guard header.kind == .point else { return }
        for offset in stride(from: bytes.lowerBound, to: bytes.upperBound, by: 8) {
            let bits = WKBReader.bits(source, at: offset, true)
            guard !WKBReader.isNaN(bits) || bits == WKBReader.canonicalNaN else {
                throw WKBError(offset: offset, reason: .notCanonical)
            }
        }
    }
}

/// Gathers the bounds of all points.
struct EnvelopeFinder: WKBVisitor {
    let source: UnsafeRawBufferPointer
    private(set) var found: Envelope?

    init(source: UnsafeRawBufferPointer) {
        self.source = source
    }

    mutating func header(_ header: WKBHeader, at bytes: Range<Int>) throws(WKBError) {}
    mutating func count(_ count: Int, at bytes: Range<Int>) throws(WKBError) {}

    mutating func points(_ bytes: Range<Int>, of header: WKBHeader) throws(WKBError) {
        for offset in stride(from: bytes.lowerBound, to: bytes.upperBound, by: header.pointSize) {
            let x = WKBReader.ordinate(source, at: offset, header)
            let y = WKBReader.ordinate(source, at: offset + 8, header)
            if x.isNaN || y.isNaN { continue }
            var bounds = found ?? Envelope(minX: x, maxX: x, minY: y, maxY: y)
            bounds.minX = min(bounds.minX, x)
            bounds.maxX = max(bounds.maxX, x)
            bounds.minY = min(bounds.minY, y)
            bounds.maxY = max(bounds.maxY, y)
            found = bounds
        }
    }
}

/// Looks for any point at all.
struct PointSearch: WKBVisitor {
    let source: UnsafeRawBufferPointer
    private(set) var found = false

    init(source: UnsafeRawBufferPointer) {
        self.source = source
    }

    mutating func header(_ header: WKBHeader, at bytes: Range<Int>) throws(WKBError) {}
    mutating func count(_ count: Int, at bytes: Range<Int>) throws(WKBError) {}

    mutating func points(_ bytes: Range<Int>, of header: WKBHeader) throws(WKBError) {
        guard !bytes.isEmpty else { return }
        found = found || header.kind != .point || !Self.isEmptyPoint(source, at: bytes.lowerBound, header)
    }

    /// POINT EMPTY has no count to say so; NaN stands for it.
    static func isEmptyPoint(_ bytes: UnsafeRawBufferPointer, at offset: Int, _ header: WKBHeader) -> Bool {
        WKBReader.isNaN(WKBReader.bits(bytes, at: offset, header.littleEndian))
            && WKBReader.isNaN(WKBReader.bits(bytes, at: offset + 8, header.littleEndian))
    }
}

/// Compares the source with other bytes of the same length: structure exactly, ordinates nearly.
/// While the structure agrees, everything is at the same offset in both.
struct WKBComparison: WKBVisitor {
    let source: UnsafeRawBufferPointer
    let other: UnsafeRawBufferPointer
    let tolerance: Double

    mutating func header(_ header: WKBHeader, at bytes: Range<Int>) throws(WKBError) {
        try same(bytes)
    }

    mutating func count(_ count: Int, at bytes: Range<Int>) throws(WKBError) {
        try same(bytes)
    }

    private func same(_ bytes: Range<Int>) throws(WKBError) {
        guard bytes.allSatisfy({ source[$0] == other[$0] }) else {
            throw WKBError(offset: bytes.lowerBound, reason: .notCanonical)
        }
    }

    mutating func points(_ bytes: Range<Int>, of header: WKBHeader) throws(WKBError) {
        for offset in stride(from: bytes.lowerBound, to: bytes.upperBound, by: 8) {
            let left = WKBReader.ordinate(source, at: offset, header)
            let right = WKBReader.ordinate(other, at: offset, header)
            // Equality first: two equal infinities have no difference to measure.
            guard left == right || left.isNaN && right.isNaN || abs(left - right) <= tolerance else {
                throw WKBError(offset: offset, reason: .notCanonical)
            }
        }
    }
}
