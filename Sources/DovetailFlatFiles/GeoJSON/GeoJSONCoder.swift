import Dovetail

/// Reads and writes features for the columns of one view.
final class GeoJSONCoder: RecordCoder {
    private let layout: GeoJSONLayout
    private let columns: [BoundColumn]
    private let members: [GeoJSONMember]
    /// Positions of columns among the properties.
    private var order: NameOrder
    private let propertyColumns: [Int]
    private let idColumn: Int?
    private let geometryColumn: Int?

    private var cursor = JSONCursor(UnsafeRawBufferPointer(start: nil, count: 0))
    private var feature: FeatureParts?
    private var tokens: [JSONToken?]

    init(_ layout: GeoJSONLayout, _ columns: [BoundColumn]) {
        self.layout = layout
        self.columns = columns
        let members = columns.map { layout.member(of: $0.name) }
        self.members = members
        propertyColumns = columns.indices.filter { members[$0] == .property }
        order = NameOrder(propertyColumns.map { columns[$0].name })
        idColumn = members.firstIndex(of: .id)
        geometryColumn = members.firstIndex(of: .geometry)
        tokens = Array(repeating: nil, count: columns.count)
    }

    func load(_ record: RawRecord) throws {
        do throws(ContentProblem) {
            cursor = JSONCursor(record.bytes)
            let feature = try FeatureParts(record.bytes)
            self.feature = feature
            for index in tokens.indices { tokens[index] = nil }
            if let idColumn { tokens[idColumn] = feature.id }
            if let geometryColumn { tokens[geometryColumn] = feature.geometry }
            guard let properties = feature.properties else { return }
            var walk = JSONCursor(record.bytes, at: properties.range.lowerBound)
            var position = 0
            try walk.members(depth: 2) { (cursor, name) throws(ContentProblem) in
                let token = try cursor.value(depth: 3)
                if let found = order.index(name, at: position, cursor) {
                    tokens[propertyColumns[found]] = token
                }
                position += 1
            }
        } catch {
            throw error.moved(by: record.offset)
        }
    }

    var id: Int64? {
        guard let token = feature?.id, token.kind == .number else { return nil }
        return CellCodec.int(cursor.lent(token.range))
    }

    private func value(_ column: Int) -> Value {
        tokens[column].map { GeoJSONValues.value($0, cursor, columns[column].codec) } ?? .null
    }

    func put(_ column: Int, into builder: inout BatchBuilder) {
        guard let token = tokens[column] else {
            builder.putNull()
            return
        }
        // The common kinds go without a value in between.
        switch (token.kind, columns[column].codec.rule) {
        case (.string, .text) where !token.hasEscapes: builder.put(text: cursor.lent(token.inside))
        case (.null, _): builder.putNull()
        default: builder.put(value(column))
        }
    }

    func append(_ column: Int, to key: inout KeyBuffer) { key.append(value(column)) }

    // MARK: Writing

    func inserted(_ values: [Value], id: Int64?) throws -> [UInt8] {
        var properties: [String] = []
        var geometry = "null"
        var ownID = id.map { String($0) }
        for (index, value) in values.enumerated() {
            let text = try String(
                decoding: GeoJSONValues.text(of: value, columns[index].codec), as: UTF8.self)
            switch members[index] {
            case .id: if !value.isNull { ownID = text }
            case .geometry: geometry = text
            case .property: properties.append(GeoJSONValues.quoted(columns[index].name) + ":" + text)
            }
        }
        let member = ownID.map { ",\"id\":\($0)" } ?? ""
        let text =
            "{\"type\":\"Feature\"\(member),\"properties\":{\(properties.joined(separator: ","))},"
            + "\"geometry\":\(geometry)}"
        return Array(text.utf8)
    }

    func updated(_ values: [Value], columns changed: [Int]) throws -> [UInt8] {
        guard let feature else { return [] }
        var edits: [(range: Range<Int>, bytes: [UInt8])] = []
        var newProperties: [[UInt8]] = []
        var newMembers: [[UInt8]] = []
        for index in changed {
            let text = try GeoJSONValues.text(of: values[index], columns[index].codec)
            if members[index] == .id, values[index].isNull {
                throw UnstorableValue(
                    reason: "column \(columns[index].name): the id of a feature can't be taken away")
            }
            if members[index] == .geometry, let box = feature.boundingBox {
                edits.append((box.range, boundingBox(values[index])))
            }
            if let token = tokens[index] {
                edits.append((token.range, text))
            } else if values[index].isNull {
                // What is not there is null already.
                continue
            } else {
                switch members[index] {
                case .property:
                    newProperties.append(Array((GeoJSONValues.quoted(columns[index].name) + ":").utf8) + text)
                case .id: newMembers.append(Array("\"id\":".utf8) + text)
                case .geometry: newMembers.append(Array("\"geometry\":".utf8) + text)
                }
            }
        }
        if !newProperties.isEmpty { edits.append(adding(newProperties, feature, &newMembers)) }
        if !newMembers.isEmpty {
            // A feature has its type, so there is always a member before.
            edits.append((feature.end..<feature.end, [0x2c] + Array(newMembers.joined(separator: [0x2c]))))
        }
        return spliced(edits)
    }

    private func adding(
        _ properties: [[UInt8]], _ feature: FeatureParts, _ newMembers: inout [[UInt8]]
    ) -> (range: Range<Int>, bytes: [UInt8]) {
        let joined = Array(properties.joined(separator: [0x2c]))
        if let object = feature.properties {
            let end = object.range.upperBound - 1
            let isEmpty = cursor.bytes[(object.range.lowerBound + 1)..<end].allSatisfy { $0 <= 0x20 }
            return (end..<end, (isEmpty ? [] : [0x2c]) + joined)
        }
        let whole = [UInt8(ascii: "{")] + joined + [UInt8(ascii: "}")]
        if let null = feature.nullProperties { return (null.range, whole) }
        newMembers.append(Array("\"properties\":".utf8) + whole)
        return (feature.end..<feature.end, [])
    }

    /// A bounding box of another geometry would be wrong, so it moves with it; `null` where there is none.
    private func boundingBox(_ value: Value) -> [UInt8] {
        guard case .geometry(let geometry) = value,
            let box = geometry.wkb.withUnsafeBytes({ WKB.envelope($0) })
        else { return Array("null".utf8) }
        let corners = [box.minX, box.minY, box.maxX, box.maxY].map { CellCodec.text(of: $0) }
        return Array("[\(corners.joined(separator: ","))]".utf8)
    }

    private func spliced(_ edits: [(range: Range<Int>, bytes: [UInt8])]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(cursor.bytes.count + 64)
        var position = 0
        for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            result.append(contentsOf: cursor.bytes[position..<edit.range.lowerBound])
            result.append(contentsOf: edit.bytes)
            position = edit.range.upperBound
        }
        result.append(contentsOf: cursor.bytes[position...])
        return result
    }
}
