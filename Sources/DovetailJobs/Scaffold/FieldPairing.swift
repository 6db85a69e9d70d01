import Dovetail
import DovetailEngine

/// Finds which fields of two tables belong together, and declares the conversions they need.
struct FieldPairing {
    private let pair: TablePair
    private(set) var template: TableTemplate
    private var paired = Sides<Set<String>>(left: [], right: [])

    init(_ pair: TablePair) {
        self.pair = pair
        template = TableTemplate(
            name: pair.name, left: pair.descriptions.left.name, right: pair.descriptions.right.name,
            match: .content)
        for left in pair.descriptions.left.columns {
            if let right = partner(of: left) { join(left, right) }
        }
        for side in Side.allCases { skipOthers(side) }
    }

    private func partner(of left: ColumnDescription) -> ColumnDescription? {
        guard left.name != pair.descriptions.left.idColumn else { return nil }
        let free = pair.descriptions.right.columns.filter {
            $0.name != pair.descriptions.right.idColumn && !paired.right.contains($0.name)
        }
        if let same = free.first(where: { $0.name == left.name }) { return same }
        if let similar = free.first(where: { $0.name.lowercased() == left.name.lowercased() }),
            pair.descriptions.left.column(similar.name) == nil
        {
            return similar
        }
        // The one geometry of each side is the same thing under any name.
        guard Self.isGeometry(left), pair.descriptions.left.columns.filter(Self.isGeometry).count == 1 else {
            return nil
        }
        let geometries = free.filter(Self.isGeometry)
        return geometries.count == 1 ? geometries[0] : nil
    }

    private static func isGeometry(_ column: ColumnDescription) -> Bool {
        if case .geometry = column.type { true } else { false }
    }

    private mutating func join(_ left: ColumnDescription, _ right: ColumnDescription) {
        paired.left.insert(left.name)
        paired.right.insert(right.name)
        if left.isGenerated || right.isGenerated {
            leaveOut(left, right, left.isGenerated ? .left : .right, "the store computes it")
            return
        }
        var field = JobFile.Field(name: left.name, left: left.name, right: right.name)
        do {
            _ = try fit(left, right, nil)
        } catch {
            guard let remedy = error.remedy, (try? fit(left, right, remedy)) != nil else {
                leaveOut(left, right, .left, error.message)
                return
            }
            field.convert = remedy
        }
        if left.name != right.name || field.convert != nil { template.fields.append(field) }
    }

    private func fit(
        _ left: ColumnDescription, _ right: ColumnDescription, _ declared: JobFile.Conversion?
    ) throws(TypeFit.Misfit) -> TypeFit {
        try TypeFit.fit(
            Sides(left: left.type, right: right.type), declared: declared, direction: .both, field: left.name,
            isFound: Sides(left: left.typeReason != nil, right: right.typeReason != nil))
    }

    private mutating func leaveOut(
        _ left: ColumnDescription, _ right: ColumnDescription, _ side: JobFile.Side, _ reason: String
    ) {
        if left.name == right.name { template.ignore.append(left.name) }
        template.skipped.append(
            .init(field: side == .left ? left.name : right.name, side: side, reason: reason))
    }

    private mutating func skipOthers(_ side: Side) {
        for column in pair.descriptions[side].columns where !paired[side].contains(column.name) {
            let isID = column.name == pair.descriptions[side].idColumn
            template.skipped.append(
                .init(
                    field: column.name, side: side.fileSide,
                    reason: isID ? "this side's own record id" : "only on this side"))
        }
    }
}

extension TableTemplate {
    /// The table as a job file would say it.
    public var table: JobFile.Table {
        var table = JobFile.Table(name: name, left: left, right: right)
        table.match = match
        table.ignore = ignore
        if !fields.isEmpty { table.fields = .mapped(fields) }
        return table
    }
}
