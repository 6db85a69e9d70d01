import Dovetail
import DovetailEngine

/// How two columns become one field: its type, and what is converted on which side.
struct TypeFit: Equatable {
    var type: FieldType
    var conversions = Sides<Conversion?>(left: nil, right: nil)

    /// Why two columns can't be one field.
    struct Misfit: Error, Equatable {
        var message: String
        var hint: String
        /// The conversion that would make them fit.
        var remedy: JobFile.Conversion?
    }

    /// Fits two columns.
    /// - Parameters:
    ///   - declared: the conversion that the job file declares.
    ///   - direction: a one-way job asks only that the side that follows can hold what the other has.
    ///   - isFound: the sides whose types were found by looking at values, and that hold others too.
    static func fit(
        _ types: Sides<FieldType>, declared: JobFile.Conversion?, direction: Dovetail.Direction,
        field: String,
        isFound: Sides<Bool> = Sides(left: false, right: false)
    ) throws(Misfit) -> TypeFit {
        switch declared {
        case nil:
            if let type = found(types, isFound) { return TypeFit(type: type) }
            return try plain(types, direction, field)
        case .bool?: return try bool(types)
        case .text?: return try text(types)
        case .multi?: return try multi(types)
        }
    }

    // MARK: Without a conversion

    private static func plain(
        _ types: Sides<FieldType>, _ direction: Dovetail.Direction, _ field: String
    ) throws(Misfit) -> TypeFit {
        let (left, right) = (types.left, types.right)
        switch (left, right) {
        case (.any, .geometry), (.geometry, .any): break
        case (.any, _): return TypeFit(type: right)
        case (_, .any): return TypeFit(type: left)
        default:
            let fits =
                switch direction {
                case .both: left.holds(right) && right.holds(left)
                case .leftToRight: right.holds(left)
                case .rightToLeft: left.holds(right)
                }
            if fits { return TypeFit(type: direction == .rightToLeft ? right : left) }
        }
        throw misfit(left, right, field)
    }

    /// The type of two columns, of which at least one has its type from its values alone: it takes the type of the
    /// other where all its values are of that one too. Nil where they are not.
    private static func found(_ types: Sides<FieldType>, _ isFound: Sides<Bool>) -> FieldType? {
        guard isFound.left || isFound.right, types.left != types.right else { return nil }
        switch (types.left, types.right) {
        case (.geometry(let a), .geometry(let b)):
            guard a.srid == b.srid, !isMulti(a, of: b), !isMulti(b, of: a) else { return nil }
            if isFound.left != isFound.right { return isFound.left ? types.right : types.left }
            return .geometry(
                GeometryKind(
                    type: a.type == b.type ? a.type : "GEOMETRY", srid: a.srid, hasZ: a.hasZ || b.hasZ,
                    hasM: a.hasM || b.hasM))
        case (.int, .double), (.int, .decimal), (.double, .decimal): return isFound.left ? types.right : nil
        case (.double, .int), (.decimal, .int), (.decimal, .double): return isFound.right ? types.left : nil
        default: return nil
        }
    }

    private static func misfit(_ left: FieldType, _ right: FieldType, _ field: String) -> Misfit {
        let message = "left holds \(left.name), right holds \(right.name)"
        let leaveOut = "leave it out with ignore: [\(field)]"
        switch (left, right) {
        case (.geometry(let a), .geometry(let b)) where a.srid != b.srid:
            return Misfit(
                message:
                    "left is in EPSG:\(a.srid), right in EPSG:\(b.srid), and Dovetail does not reproject",
                hint: "bring both layers into one reference system, or \(leaveOut)")
        case (.geometry(let a), .geometry(let b)) where isMulti(a, of: b) || isMulti(b, of: a):
            return Misfit(message: message, hint: "declare {convert: multi}, or \(leaveOut)", remedy: .multi)
        case (.bool, .int), (.int, .bool):
            return Misfit(message: message, hint: "declare {convert: bool}, or \(leaveOut)", remedy: .bool)
        case (.text, let other) where isTextual(other), (let other, .text) where isTextual(other):
            return Misfit(message: message, hint: "declare {convert: text}, or \(leaveOut)", remedy: .text)
        default:
            return Misfit(message: message, hint: "give both sides one type, or \(leaveOut)")
        }
    }

    // MARK: With a conversion

    private static func bool(_ types: Sides<FieldType>) throws(Misfit) -> TypeFit {
        var fit = TypeFit(type: .bool)
        for side in Dovetail.Side.allCases {
            switch types[side] {
            case .bool: break
            case .int, .text, .decimal, .any: fit.conversions[side] = .bool
            default: throw refused(.bool, side, types[side], "it needs 0 and 1, or words for true and false")
            }
        }
        return fit
    }

    private static func text(_ types: Sides<FieldType>) throws(Misfit) -> TypeFit {
        switch (types.left, types.right) {
        case (.text, .text): return TypeFit(type: .text)
        case (.text, let other) where isTextual(other):
            return TypeFit(type: other, conversions: Sides(left: .text, right: nil))
        case (let other, .text) where isTextual(other):
            return TypeFit(type: other, conversions: Sides(left: nil, right: .text))
        case (.text, let other): throw refused(.text, .right, other, "its values have no text form")
        case (let other, .text): throw refused(.text, .left, other, "its values have no text form")
        default:
            throw Misfit(
                message: "convert: text needs text on one side; left holds \(types.left.name), "
                    + "right holds \(types.right.name)",
                hint: "remove convert")
        }
    }

    private static func multi(_ types: Sides<FieldType>) throws(Misfit) -> TypeFit {
        if case (.geometry(let a), .geometry(let b)) = (types.left, types.right) {
            if isMulti(a, of: b) {
                return TypeFit(type: types.right, conversions: Sides(left: .multi, right: nil))
            }
            if isMulti(b, of: a) {
                return TypeFit(type: types.left, conversions: Sides(left: nil, right: .multi))
            }
            if a == b { return TypeFit(type: types.left) }
            // A layer of any geometries may hold multi ones all the same; only someone who knows it can say so.
            if isOpen(a, to: b) {
                return TypeFit(type: types.right, conversions: Sides(left: .multi, right: nil))
            }
            if isOpen(b, to: a) {
                return TypeFit(type: types.left, conversions: Sides(left: nil, right: .multi))
            }
        }
        throw Misfit(
            message:
                "convert: multi needs a layer of multi geometries and one of the same single geometries; "
                + "left holds \(types.left.name), right holds \(types.right.name)",
            hint: "remove convert")
    }

    private static func refused(
        _ conversion: JobFile.Conversion, _ side: Dovetail.Side, _ type: FieldType, _ reason: String
    ) -> Misfit {
        Misfit(
            message:
                "convert: \(conversion.rawValue) can't be used for \(type.name) on the \(side.rawValue); "
                + reason, hint: "remove convert")
    }

    /// Types whose values have one text form that reads back as the same value.
    private static func isTextual(_ type: FieldType) -> Bool {
        switch type {
        case .int, .double, .decimal, .date, .time, .timestamp, .timestampWithZone, .interval, .uuid, .json,
            .bool:
            true
        case .text, .bytes, .list, .geometry, .blob, .any: false
        }
    }

    private static func isOpen(_ any: GeometryKind, to single: GeometryKind) -> Bool {
        any.type == "GEOMETRY" && ["POINT", "LINESTRING", "POLYGON"].contains(single.type)
            && any.srid == single.srid
            && any.hasZ == single.hasZ && any.hasM == single.hasM
    }

    private static func isMulti(_ multi: GeometryKind, of single: GeometryKind) -> Bool {
        guard multi.srid == single.srid, multi.hasZ == single.hasZ, multi.hasM == single.hasM else {
            return false
        }
        switch (multi.type, single.type) {
        case ("MULTICURVE", "LINESTRING"), ("MULTICURVE", "CIRCULARSTRING"), ("MULTICURVE", "COMPOUNDCURVE"),
            ("MULTISURFACE", "POLYGON"), ("MULTISURFACE", "CURVEPOLYGON"):
            return true
        default: return multi.type == "MULTI" + single.type
        }
    }
}
