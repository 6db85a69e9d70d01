import Dovetail
import DovetailEngine

/// What is particular to one GeoJSON file.
struct GeoJSONLayout: Sendable {
    /// Features one after the other, instead of a collection.
    var isSequence: Bool
    /// The reference system: EPSG:4326 unless an old `crs` says otherwise.
    var srid: Int32 = 4326
    /// What the columns of the feature's own members are called; otherwise when a property has the plain name.
    var idName = "id"
    var geometryName = "geometry"

    /// Where a column's values are in a feature.
    func member(of column: String) -> GeoJSONMember {
        if column == idName { return .id }
        return column == geometryName ? .geometry : .property
    }
}

enum GeoJSONMember { case id, geometry, property }

/// GeoJSON: a feature collection, or features line by line.
struct GeoJSONFormat: FlatFormat {
    func survey(_ file: OpenFile, _ types: FlatFileTypes) throws -> Survey {
        var surveyor = GeoJSONSurveyor(file, types)
        return try surveyor.survey()
    }

    func scan(_ file: OpenFile, _ survey: Survey, _ body: (RawRecord) throws -> Void) throws {
        guard case .geoJSON(let layout) = survey.detail else { return }
        var stream = try JSONStream(file, from: survey.start)
        try Self.features(&stream, isSequence: layout.isSequence, body)
    }

    func coder(_ survey: Survey, _ columns: [BoundColumn]) -> any RecordCoder {
        guard case .geoJSON(let layout) = survey.detail else {
            return GeoJSONCoder(GeoJSONLayout(isSequence: true), columns)
        }
        return GeoJSONCoder(layout, columns)
    }

    /// Hands over the features of a collection behind its `[`, or of a sequence, and passes over what closes it.
    static func features(
        _ stream: inout JSONStream, isSequence: Bool, _ body: (RawRecord) throws -> Void
    ) throws {
        var isFirst = true
        while true {
            try stream.skipSpace(separators: isSequence)
            guard let byte = try stream.peek() else {
                if isSequence { return }
                throw stream.ended("a feature or ]")
            }
            if !isSequence {
                if byte == UInt8(ascii: "]") {
                    stream.skip()
                    return
                }
                if !isFirst {
                    try stream.take(UInt8(ascii: ","), "a comma or ]")
                    try stream.skipSpace()
                }
            }
            isFirst = false
            guard try stream.peek() == UInt8(ascii: "{") else {
                guard let byte = try stream.peek() else { throw stream.ended("a feature") }
                throw stream.unexpected(byte, "a feature, which begins with {,")
            }
            let offset = stream.offset
            let range = try stream.value()
            try body(RawRecord(bytes: UnsafeRawBufferPointer(rebasing: stream.bytes[range]), offset: offset))
        }
    }
}

/// Looks at a whole GeoJSON file.
private struct GeoJSONSurveyor {
    private let file: OpenFile
    private let types: FlatFileTypes
    private var layout = GeoJSONLayout(isSequence: true)
    private var start = 0
    private var count = 0
    /// The range between the last two features.
    private var gap: Range<Int>?
    private var lastEnd: Int?

    private var names: [String] = []
    private var inferences: [TypeInference] = []
    private var columns = NameOrder()
    private var ids = TypeInference(mixesIntoText: false)
    private var largestID: Int64 = 0
    private var geometries = TypeInference(mixesIntoText: false)

    init(_ file: OpenFile, _ types: FlatFileTypes) {
        self.file = file
        self.types = types
    }

    mutating func survey() throws -> Survey {
        var stream = try JSONStream(file, from: 0)
        if stream.bytes.starts(with: [0xef, 0xbb, 0xbf]) { for _ in 0..<3 { stream.skip() } }
        if stream.bytes.starts(with: [0xff, 0xfe]) || stream.bytes.starts(with: [0xfe, 0xff]) {
            throw stream.unexpected(stream.bytes[0], "UTF-8 text")
        }
        let begin = stream.offset
        try stream.skipSpace(separators: true)
        if try stream.peek() == UInt8(ascii: "{"), try isCollection(from: stream.offset) {
            layout.isSequence = false
            try collection(&stream)
            try stream.skipSpace()
            if let byte = try stream.peek() { throw stream.unexpected(byte, "the end of the file") }
        } else {
            start = begin
            var features = try JSONStream(file, from: begin)
            try self.features(&features)
        }
        return try result()
    }

    private mutating func features(_ stream: inout JSONStream) throws {
        // Swift lends `self` to one closure at a time, so it goes in and comes back.
        var whole = self
        try GeoJSONFormat.features(&stream, isSequence: layout.isSequence) { record in
            if whole.count & 0xffff == 0 { try Task.checkCancellation() }
            try whole.note(record)
        }
        self = whole
    }

    /// Whether the first object of the file is a feature collection: it has `features` before anything that only a
    /// feature or a geometry has.
    private func isCollection(from offset: Int) throws -> Bool {
        var stream = try JSONStream(file, from: offset)
        stream.skip()
        while true {
            try stream.skipSpace()
            guard try stream.peek() == UInt8(ascii: "\"") else { return false }
            let name = try stream.value()
            let key = Array(stream.bytes[name])
            try stream.skipSpace()
            try stream.take(UInt8(ascii: ":"), "a colon")
            try stream.skipSpace()
            if key.elementsEqual("\"features\"".utf8) { return true }
            if key.elementsEqual("\"properties\"".utf8) || key.elementsEqual("\"geometry\"".utf8) {
                return false
            }
            let value = try stream.value()
            let words = stream.bytes[value]
            if key.elementsEqual("\"type\"".utf8) {
                if words.elementsEqual("\"FeatureCollection\"".utf8) { return true }
                if words.elementsEqual("\"Feature\"".utf8) { return false }
                let found = String(decoding: words.prefix(40), as: UTF8.self)
                throw ContentProblem(
                    offset: offset, line: nil,
                    message: "the file is \(found); a FeatureCollection, or a Feature on each line, is needed"
                )
            }
            try stream.skipSpace()
            guard try stream.peek() == UInt8(ascii: ",") else { return false }
            stream.skip()
        }
    }

    private mutating func collection(_ stream: inout JSONStream) throws {
        try stream.take(UInt8(ascii: "{"), "{")
        var seen: Set<String> = []
        var hasFeatures = false
        while true {
            try stream.skipSpace()
            if try stream.peek() == UInt8(ascii: "}"), seen.isEmpty { break }
            let place = stream.offset
            guard let byte = try stream.peek() else { throw stream.ended("a name") }
            guard byte == UInt8(ascii: "\"") else { throw stream.unexpected(byte, "a name in quotes") }
            let name = try checked(stream.value(), stream, at: place) { cursor, token in cursor.text(token) }
            guard seen.insert(name).inserted else {
                throw ContentProblem(offset: place, line: nil, message: "the name “\(name)” stands twice")
            }
            try stream.skipSpace()
            try stream.take(UInt8(ascii: ":"), "a colon")
            try stream.skipSpace()
            if name == "features" {
                try stream.take(UInt8(ascii: "["), "a list of features")
                start = stream.offset
                hasFeatures = true
                try features(&stream)
            } else {
                let place = stream.offset
                let range = try stream.value()
                try member(name, range, stream, place)
            }
            try stream.skipSpace()
            guard let next = try stream.peek() else { throw stream.ended("a comma or }") }
            if next == UInt8(ascii: "}") { break }
            try stream.take(UInt8(ascii: ","), "a comma or }")
        }
        stream.skip()
        guard hasFeatures else {
            throw ContentProblem(offset: 0, line: nil, message: "the collection has no list of features")
        }
    }

    private mutating func member(
        _ name: String, _ range: Range<Int>, _ stream: borrowing JSONStream, _ place: Int
    ) throws {
        let srid = try checked(range, stream, at: place) { cursor, token -> Int32? in
            name == "crs" ? GeoJSONCRS.srid(cursor, token) : 0
        }
        guard name == "crs" else { return }
        guard let srid else {
            throw ContentProblem(
                offset: place, line: nil,
                message: "the crs is none with an EPSG number, such as urn:ogc:def:crs:EPSG::25832")
        }
        layout.srid = srid
    }

    /// Reads a value exactly.
    private func checked<Result>(
        _ range: Range<Int>, _ stream: borrowing JSONStream, at offset: Int,
        _ body: (JSONCursor, JSONToken) throws -> Result
    ) throws -> Result {
        let bytes = UnsafeRawBufferPointer(rebasing: stream.bytes[range])
        if let wrong = UTF8Check.firstInvalid(bytes) {
            throw ContentProblem(offset: offset + wrong, line: nil, message: "a byte that is no UTF-8")
        }
        var cursor = JSONCursor(bytes, isStrict: true)
        do {
            return try body(cursor, try cursor.value())
        } catch let problem as ContentProblem {
            throw problem.moved(by: offset)
        }
    }

    // MARK: One feature

    private mutating func note(_ record: RawRecord) throws {
        if let wrong = UTF8Check.firstInvalid(record.bytes) {
            throw ContentProblem(offset: record.offset + wrong, line: nil, message: "a byte that is no UTF-8")
        }
        if let lastEnd { gap = lastEnd..<record.offset }
        lastEnd = record.offset + record.bytes.count
        count += 1
        do throws(ContentProblem) {
            let feature = try FeatureParts(record.bytes, isStrict: true)
            if let id = feature.id { noteID(id, record) }
            if let geometry = feature.geometry, geometry.kind == .object,
                let (_, shape) = GeoJSONGeometryReader.geometry(record.bytes, geometry.range, srid: 0)
            {
                geometries.note(shape, at: record.offset)
            }
            guard let properties = feature.properties else { return }
            var cursor = JSONCursor(record.bytes, at: properties.range.lowerBound, isStrict: true)
            var position = 0
            try cursor.members(depth: 2) { (cursor, name) throws(ContentProblem) in
                let token = try cursor.value(depth: 3)
                noteProperty(position, cursor, name, token, record.offset)
                position += 1
            }
        } catch {
            throw error.moved(by: record.offset)
        }
    }

    private mutating func noteID(_ id: JSONToken, _ record: RawRecord) {
        let cursor = JSONCursor(record.bytes)
        ids.note(GeoJSONValues.type(of: id, cursor), cursor.lent(id.range), at: record.offset)
        if id.kind == .number, let number = CellCodec.int(cursor.lent(id.range)) {
            largestID = max(largestID, number)
        }
    }

    private mutating func noteProperty(
        _ position: Int, _ cursor: JSONCursor, _ name: JSONToken, _ token: JSONToken, _ offset: Int
    ) {
        let column: Int
        if let known = columns.index(name, at: position, cursor) {
            column = known
        } else {
            column = names.count
            names.append(cursor.text(name))
            inferences.append(TypeInference(mixesIntoText: false))
            columns.learn(name, at: position, cursor, column)
        }
        guard token.kind != .null else { return }
        let inside = token.kind == .string ? token.inside : token.range
        inferences[column].note(
            GeoJSONValues.type(of: token, cursor), cursor.lent(inside), at: offset + token.range.lowerBound)
    }

    // MARK: What came of it

    private mutating func result() throws -> Survey {
        let known = Set(names)
        if known.contains("id") { layout.idName = "feature_id" }
        if known.contains("geometry") { layout.geometryName = "feature_geometry" }
        for name in [layout.idName, layout.geometryName] where known.contains(name) {
            throw ContentProblem(
                offset: 0, line: nil,
                message: "properties are called both like a feature's own member and “\(name)”")
        }
        let line = { [file] (offset: Int) in LineCount.line(of: offset, in: file) }
        var columns: [SurveyedColumn] = []
        func add(_ name: String, _ found: () -> (type: FieldType, reason: String)) {
            let verdict = types.type(of: name) ?? found()
            columns.append(SurveyedColumn(name: name, type: verdict.type, reason: verdict.reason))
        }
        if ids.count > 0 { add(layout.idName) { ids.verdict(line) } }
        for (name, inference) in zip(names, inferences) { add(name) { inference.verdict(line) } }
        if geometries.count > 0 { add(layout.geometryName) { geometries.geometryVerdict(srid: layout.srid) } }
        // What is declared or remembered is a column even where no feature has it at present.
        for name in (types.declared.keys.sorted() + types.remembered.keys.sorted())
        where !columns.contains(where: { $0.name == name }) {
            add(name) { (.any, "") }
        }
        let idType = columns.first { $0.name == layout.idName }?.type
        let hasIDs = count == 0 || ids.isInteger && ids.count == count
        var survey = Survey(
            columns: columns, recordCount: count, start: start, separator: try separator(),
            idColumn: idType == .int && hasIDs ? layout.idName : nil, largestID: largestID,
            detail: .geoJSON(layout))
        if layout.isSequence, count == 0 { survey.ending = [0x0a] }
        return survey
    }

    /// New features stand apart as the last two do.
    private func separator() throws -> [UInt8] {
        if let gap, gap.count <= 64 {
            let bytes = try file.bytes(gap)
            if !layout.isSequence || bytes.contains(0x0a) { return bytes }
        }
        if !layout.isSequence { return Array(",\n".utf8) }
        let begins = file.size > start ? try file.bytes(start..<(start + 1)) : []
        return begins == [0x1e] ? [0x0a, 0x1e] : [0x0a]
    }
}

/// Reads the old way of naming a reference system (GeoJSON 2008).
enum GeoJSONCRS {
    /// The EPSG number; 0 for none, nil for one that has no number.
    static func srid(_ cursor: JSONCursor, _ token: JSONToken) -> Int32? {
        if token.kind == .null { return 0 }
        var name: String?
        var outer = JSONCursor(cursor.bytes, at: token.range.lowerBound)
        guard token.kind == .object else { return nil }
        try? outer.members(depth: 1) { (cursor, member) throws(ContentProblem) in
            let isProperties = cursor.says(member, "properties")
            guard isProperties, cursor.next == UInt8(ascii: "{") else {
                _ = try cursor.value(depth: 2)
                return
            }
            try cursor.members(depth: 2) { (cursor, member) throws(ContentProblem) in
                let isName = cursor.says(member, "name")
                let value = try cursor.value(depth: 3)
                if isName, value.kind == .string { name = cursor.text(value) }
            }
        }
        guard let name else { return nil }
        if name.uppercased().hasSuffix("CRS84") { return 4326 }
        guard name.uppercased().contains("EPSG"),
            let number = name.split(whereSeparator: { $0 == ":" || $0 == "/" }).last
        else { return nil }
        return Int32(number)
    }
}
