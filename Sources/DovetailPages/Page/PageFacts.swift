import Dovetail

/// What stands above the lines of a page.
struct PageFacts {
    /// A row of the table of counts.
    struct Row {
        var table: String
        /// What tells the rows of one table apart: a side, as a rule.
        var side: String
        /// In the order of the columns.
        var numbers: [Int]
    }

    struct Stop {
        var message: String
    }

    var title: String
    var heading: String
    /// “office ⇄ field”
    var sides: HTML
    /// Job, time, status: words and what they are.
    var lines: [(word: String, text: String)] = []
    var labels: Sides<String>
    var columns: [String]
    var rows: [Row]
    /// Large numbers at the top.
    var tiles: [(kind: String, sign: HTML, word: String, count: Int)]
    /// What a sync would stop at.
    var stops: [String] = []
    var notes: [String] = []
    /// Said when there are no lines at all.
    var quiet: String
}
