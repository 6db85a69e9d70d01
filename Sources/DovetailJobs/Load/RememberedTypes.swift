import DovetailEngine
import DovetailFlatFiles
import Dovetail

extension FlatFileTypes {
    /// What is declared for a side, and the types by which the last run knew its columns.
    ///
    /// A flat file declares no types. Found anew in each run, the type of a column would change with a single value; so
    /// the first run's finding stays until someone declares another.
    init(_ replica: JobFile.Replica, _ side: Side, _ state: JobState?) {
        self.init(declared: replica.types)
        for layout in (state?.layouts ?? [:]).values {
            for field in layout.fields {
                let columns = field.columns.components(separatedBy: " = ")
                guard columns.count == 2, let type = TypeWords.type(field.type) else { continue }
                let column = columns[side == .left ? 0 : 1]
                // Under a conversion the column is of another type than the field.
                if Conversion.allCases.contains(where: { column.hasSuffix(" as \($0.rawValue)") }) {
                    continue
                }
                remembered[column] = type
            }
        }
    }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [String] {
        split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }
}
