import Dovetail
import DovetailEngine

/// A table view fitted to the file as it is now.
struct FlatView: Sendable {
    /// What a record is known by.
    enum Key: Sendable {
        /// The values of these fields.
        case fields([Int])
        /// The record's own id.
        case id
        /// The place of the record in the file: good for one look, and for nothing after it.
        case position
    }

    let view: TableView
    let columns: [BoundColumn]
    let key: Key

    /// - Throws: ``ReplicaError`` when a table, column, filter or identity is asked for that the file hasn't got.
    init(_ view: TableView, _ survey: Survey, _ place: FilePlace) throws {
        guard view.table == place.table else {
            throw place.error(
                .unsuitable,
                "there is no table \(view.table); the one table of \(place.path) is \(place.table)")
        }
        if view.filter != nil {
            throw place.error(
                .unsuitable, "a flat file has no language for conditions; remove where: for this side")
        }
        guard view.columns.count == view.schema.fields.count else {
            throw place.error(
                .failed, "\(view.columns.count) columns are bound to \(view.schema.fields.count) fields")
        }
        self.view = view
        columns = try zip(view.schema.fields, view.columns).map { field, binding in
            guard let column = survey.column(binding.column) else {
                let known = survey.columns.map(\.name).joined(separator: ", ")
                throw place.error(
                    .unsuitable, "\(place.path) has no column \(binding.column); it has: \(known)")
            }
            return BoundColumn(name: binding.column, codec: CellCodec(field, binding, column.type))
        }
        switch view.schema.identity {
        case .match(let names):
            let fields = view.keyFields
            guard !fields.isEmpty, fields.count == names.count else {
                throw place.error(
                    .unsuitable, "not all fields of the match are mapped in \(place.table): \(names)")
            }
            key = .fields(fields)
        case .id:
            guard survey.idColumn != nil else {
                throw place.error(
                    .unsuitable,
                    "records of \(place.path) have no ids that are whole numbers; match them by fields")
            }
            key = .id
        case .content: key = survey.idColumn == nil ? .position : .id
        }
    }

    /// Makes the key of the record that a coder has loaded, the `ordinal`th of the file.
    func makeKey(_ coder: any RecordCoder, ordinal: Int, in buffer: inout KeyBuffer) {
        buffer.begin()
        switch key {
        case .fields(let fields): for field in fields { coder.append(field, to: &buffer) }
        case .id: if let id = coder.id { buffer.append(int: id) } else { buffer.appendNull() }
        case .position: buffer.append(int: Int64(ordinal + 1))
        }
    }
}
