import Dovetail

extension PageFacts {
    /// Takes counts of writes: a row for each table and side that has any, and the tiles.
    init(
        title: String, heading: String, sides: HTML, labels: Sides<String>, tables: [(String, PlanCounts)],
        quiet: String
    ) {
        self.init(
            title: title, heading: heading, sides: sides, labels: labels,
            columns: ["Insert", "Update", "Delete"],
            rows: [], tiles: [], quiet: quiet)
        var total = PlanCounts()
        for (name, counts) in tables {
            for side in Side.allCases {
                let writes = counts[side]
                total[side] = total[side] + writes
                rows.append(
                    Row(
                        table: name, side: labels[side],
                        numbers: [writes.inserts, writes.updates, writes.deletes]))
            }
            total.conflicts += counts.conflicts
            total.refusals += counts.refusals
            total.kept += counts.kept
            total.agreements += counts.agreements
            total.unchanged += counts.unchanged
        }
        let writes = total.left + total.right
        tiles = [
            (
                "conflict", EntryKind.conflict.sign, total.conflicts == 1 ? "conflict" : "conflicts",
                total.conflicts
            ),
            ("refused", EntryKind.refused.sign, "refused", total.refusals),
            ("insert", EntryKind.insert.sign, writes.inserts == 1 ? "insert" : "inserts", writes.inserts),
            ("update", EntryKind.update.sign, writes.updates == 1 ? "update" : "updates", writes.updates),
            ("delete", EntryKind.delete.sign, writes.deletes == 1 ? "delete" : "deletes", writes.deletes),
        ]
        if total.kept > 0 { tiles.append(("kept", "‖", "left as they are by rule", total.kept)) }
        if total.agreements > 0 { tiles.append(("same", "=", "found equal", total.agreements)) }
        if total.unchanged > 0 { tiles.append(("same", "=", "unchanged", total.unchanged)) }
    }
}

extension PlanCounts {
    /// Whether a table has anything to show.
    var isBlank: Bool { left.total + right.total + conflicts + refusals + kept + agreements + unchanged == 0 }
}

/// “office ⇄ field”
func heading(_ labels: Sides<String>, _ direction: Direction?) -> HTML {
    let arrow: HTML
    let word: String
    switch direction {
    case .leftToRight?: (arrow, word) = ("→", "to")
    case .rightToLeft?: (arrow, word) = ("←", "from")
    case .both?, nil: (arrow, word) = ("⇄", "and")
    }
    return
        "<bdi>\(labels.left)</bdi> <span class=\"arrow\" aria-hidden=\"true\">\(arrow)</span> <span class=\"vh\">\(word)</span><bdi>\(labels.right)</bdi>"
}
