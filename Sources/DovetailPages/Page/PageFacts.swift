import Dovetail

/// What stands above the lines of a page.
struct PageFacts {
    /// A row of the table of counts.
    struct Row {
        var table: String
        /// The side that is counted; nil in pages that count both together.
        var side: String?
        /// In the order of the columns.
        var numbers: [Int]
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
    /// What the map calls the two states that it shows.
    var states = (first: "before", second: "after")
    /// What a sync would stop at.
    var stops: [String] = []
    var notes: [String] = []
    /// Said when there are no lines at all.
    var quiet: String
}
