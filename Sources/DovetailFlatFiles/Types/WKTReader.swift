import Dovetail

/// Reads well-known text: `POINT (9.5 55.7)`, `MULTIPOLYGON Z (…)`, `SRID=25832;POINT (…)`.
struct WKTReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0
    private var builder = WKBBuilder()
    private static let depthLimit = 32

    /// The geometry; nil when the text is none, or names another reference system.
    static func geometry(_ text: UnsafeRawBufferPointer, srid: Int32) -> Geometry? {
        var reader = WKTReader(bytes: text)
        guard reader.takeSRID(srid), reader.geometry(1, like: nil) != nil else { return nil }
        reader.skipSpace()
        guard reader.at == text.count else { return nil }
        return Geometry(srid: srid, canonicalWKB: reader.builder.bytes)
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private struct Dimensions: Equatable {
        var hasZ: Bool
        var hasM: Bool
        var count: Int { 2 + (hasZ ? 1 : 0) + (hasM ? 1 : 0) }
        var code: UInt32 { (hasZ ? 1000 : 0) + (hasM ? 2000 : 0) }
    }

    private mutating func takeSRID(_ srid: Int32) -> Bool {
        let start = at
        guard word() == "SRID" else {
            at = start
            return true
        }
        guard take(UInt8(ascii: "=")), let number = number(), take(UInt8(ascii: ";")) else { return false }
        return number == Double(srid)
    }

    private mutating func skipSpace() {
        while at < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[at]) { at += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    private mutating func word() -> String {
        skipSpace()
        let start = at
        while at < bytes.count, bytes[at] | 0x20 >= 0x61, bytes[at] | 0x20 <= 0x7a { at += 1 }
        return String(decoding: bytes[start..<at], as: UTF8.self).uppercased()
    }

    private mutating func number() -> Double? {
        skipSpace()
        let start = at
        while at < bytes.count, !" \t\r\n,();".utf8.contains(bytes[at]) { at += 1 }
        return CellCodec.double(UnsafeRawBufferPointer(rebasing: bytes[start..<at]))
    }

    private mutating func isEmpty() -> Bool {
        let start = at
        if word() == "EMPTY" { return true }
        at = start
        return false
    }

    /// One geometry with its tag. Parts have the dimensions of the whole.
    private mutating func geometry(_ depth: Int, like whole: Dimensions?) -> Void? {
        guard depth <= Self.depthLimit else { return nil }
        var name = word()
        var tag = ""
        // Some write POINTZ, some POINT Z.
        if !FlatGeometry.kinds.contains(where: { $0.name == name }) {
            for ending in ["ZM", "Z", "M"] where name.hasSuffix(ending) && tag.isEmpty {
                tag = ending
                name.removeLast(ending.count)
            }
        } else {
            let start = at
            let next = word()
            if ["Z", "M", "ZM"].contains(next) { tag = next } else { at = start }
        }
        guard let kind = FlatGeometry.kinds.first(where: { $0.name == name }) else { return nil }
        let dimensions: Dimensions
        if tag.isEmpty {
            dimensions = whole ?? untagged()
        } else {
            dimensions = Dimensions(hasZ: tag.contains("Z"), hasM: tag.contains("M"))
        }
        if let whole, whole != dimensions { return nil }
        builder.header(kind.code + dimensions.code)
        return content(kind.code, dimensions, depth)
    }

    /// Without a tag the first position tells whether there are heights.
    private func untagged() -> Dimensions {
        var look = self
        while look.at < bytes.count, !"-0123456789".utf8.contains(bytes[look.at]) { look.at += 1 }
        var count = 0
        while look.number() != nil, count < 5 { count += 1 }
        return Dimensions(hasZ: count == 3 || count == 4, hasM: count == 4)
    }

    private mutating func content(_ code: UInt32, _ dimensions: Dimensions, _ depth: Int) -> Void? {
        switch code {
        case 1:
            if isEmpty() {
                for _ in 0..<dimensions.count { builder.append(Double.nan) }
                return ()
            }
            guard take(UInt8(ascii: "(")), position(dimensions) != nil else { return nil }
            return take(UInt8(ascii: ")")) ? () : nil
        case 2: return list { $0.position(dimensions) }
        case 3: return list { $0.list { $0.position(dimensions) } }
        case 4:
            return list { reader in
                reader.builder.header(1 + dimensions.code)
                // Positions of a multi point stand with and without brackets of their own.
                if reader.isEmpty() {
                    for _ in 0..<dimensions.count { reader.builder.append(Double.nan) }
                    return ()
                }
                let isBracketed = reader.take(UInt8(ascii: "("))
                guard reader.position(dimensions) != nil else { return nil }
                return !isBracketed || reader.take(UInt8(ascii: ")")) ? () : nil
            }
        case 5, 6:
            return list { reader in
                reader.builder.header(code - 3 + dimensions.code)
                return reader.content(code - 3, dimensions, depth + 1)
            }
        default: return list { $0.geometry(depth + 1, like: dimensions) }
        }
    }

    private mutating func list(_ part: (inout WKTReader) -> Void?) -> Void? {
        let place = builder.placeholder()
        if isEmpty() { return () }
        guard take(UInt8(ascii: "(")) else { return nil }
        var count: UInt32 = 0
        repeat {
            guard part(&self) != nil else { return nil }
            count += 1
        } while take(UInt8(ascii: ","))
        builder.set(count, at: place)
        return take(UInt8(ascii: ")")) ? () : nil
    }

    private mutating func position(_ dimensions: Dimensions) -> Void? {
        for _ in 0..<dimensions.count {
            guard let ordinate = number() else { return nil }
            builder.append(ordinate)
        }
        return ()
    }
}
