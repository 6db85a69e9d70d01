extension WKB {
    /// The type as text has it: `POINT`, `MULTIPOLYGON Z`, `LINESTRING ZM`. Nil if the bytes do not
    /// begin with a geometry's header.
    public static func typeName(_ bytes: UnsafeRawBufferPointer) -> String? {
        var reader = WKBReader(bytes)
        return (try? reader.header(parent: nil, depth: 1)).map(WKBText.tag)
    }

    /// Well-known text for people: each number the shortest that reads back the same.
    ///
    /// At most `maxCharacters` characters, the last of them `…` if there is more. Bytes that are not
    /// well-known binary give the text as far as it goes and `…`.
    public static func wkt(_ bytes: UnsafeRawBufferPointer, maxCharacters: Int) -> String {
        var text = WKBText(limit: maxCharacters)
        var reader = WKBReader(bytes)
        let finished = (try? text.geometry(&reader, parent: nil, depth: 1)) != nil
        if finished, reader.remaining == 0, text.output.utf8.count <= maxCharacters {
            return text.output
        }
        // All of it is ASCII up to here.
        return maxCharacters > 0 ? text.output.prefix(maxCharacters - 1) + "…" : ""
    }
}

/// Writes well-known text, and stops once it has more than the limit.
struct WKBText {
    let limit: Int
    private(set) var output = ""

    init(limit: Int) {
        self.limit = limit
    }

    static func tag(_ header: WKBHeader) -> String {
        switch (header.hasZ, header.hasM) {
        case (false, false): header.kind.name
        case (true, false): header.kind.name + " Z"
        case (false, true): header.kind.name + " M"
        case (true, true): header.kind.name + " ZM"
        }
    }

    /// The type that goes without saying inside `kind`.
    private static func impliedMember(of kind: WKBKind) -> WKBKind? {
        switch kind {
        case .multiPoint: .point
        case .multiLineString, .compoundCurve, .curvePolygon, .multiCurve: .lineString
        case .multiPolygon, .multiSurface, .polyhedralSurface: .polygon
        case .tin: .triangle
        default: nil
        }
    }

    mutating func geometry(
        _ reader: inout WKBReader, parent: WKBHeader?, depth: Int
    ) throws(WKBError) {
        let header = try reader.header(parent: parent, depth: depth)
        if parent.flatMap({ Self.impliedMember(of: $0.kind) }) != header.kind {
            output += Self.tag(header) + " "
        }
        switch header.kind.content {
        case .point:
            let range = try reader.pointRange(1, of: header)
            if PointSearch.isEmptyPoint(reader.bytes, at: range.lowerBound, header) {
                output += "EMPTY"
            } else {
                output += "("
                point(reader, at: range.lowerBound, header)
                output += ")"
            }
        case .points:
            try points(&reader, header)
        case .rings:
            try list(&reader, header, of: header.smallestPart) { (text, reader) throws(WKBError) in
                try text.points(&reader, header)
            }
        case .geometries:
            try list(&reader, header, of: header.smallestPart) { (text, reader) throws(WKBError) in
                try text.geometry(&reader, parent: header, depth: depth + 1)
            }
        }
    }

    private mutating func points(_ reader: inout WKBReader, _ header: WKBHeader) throws(WKBError) {
        try list(&reader, header, of: header.pointSize) { (text, reader) throws(WKBError) in
            let range = try reader.pointRange(1, of: header)
            text.point(reader, at: range.lowerBound, header)
        }
    }

    private mutating func list(
        _ reader: inout WKBReader, _ header: WKBHeader, of size: Int,
        _ part: (inout WKBText, inout WKBReader) throws(WKBError) -> Void
    ) throws(WKBError) {
        let count = try reader.count(of: size, header)
        guard count > 0 else {
            output += "EMPTY"
            return
        }
        output += "("
        for index in 0..<count {
            if index > 0 { output += ", " }
            guard output.utf8.count <= limit else { throw reader.failure(.trailingBytes) }
            try part(&self, &reader)
        }
        output += ")"
    }

    private mutating func point(_ reader: WKBReader, at offset: Int, _ header: WKBHeader) {
        for ordinate in 0..<header.pointSize / 8 {
            if ordinate > 0 { output += " " }
            let value = WKBReader.ordinate(reader.bytes, at: offset + ordinate * 8, header)
            let text = value.isNaN ? "NaN" : value.description
            output += text.hasSuffix(".0") ? text.dropLast(2) : text[...]
        }
    }
}
