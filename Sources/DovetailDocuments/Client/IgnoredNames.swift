/// Files that are no documents: what editors, systems and Dovetail itself leave beside them for a while.
enum IgnoredNames {
    /// What Dovetail's own drafts begin with.
    static let draftPrefix = ".dovetail-"
    /// Where a client keeps what it remembers.
    static let stateFolder = ".dovetail"

    /// Whether a file, or anything in a folder of that name, is never a document.
    static func ignores(_ name: String) -> Bool {
        if name == stateFolder || name.hasPrefix(draftPrefix) || name == ".DOVETAIL-CASE" { return true }
        if [".git", ".hg", ".svn", ".DS_Store", "Thumbs.db", "desktop.ini", "4913"].contains(name) {
            return true
        }
        // vim's .x.swp, .x.swo, …; emacs' .#x and #x#; backups x~; Office's ~$x and .~lock.x#.
        if name.hasPrefix("."), isSwap(name) { return true }
        if name.hasPrefix(".#") || name.hasPrefix("~$") || name.hasPrefix(".~lock.") { return true }
        if name.hasPrefix("#"), name.hasSuffix("#"), name.utf8.count > 1 { return true }
        if name.hasSuffix("~") { return true }
        // GVFS, KDE, gedit, nano, browsers.
        if name.hasPrefix(".goutputstream-") || name.hasPrefix(".fuse_hidden") || name.hasPrefix(".nfs") {
            return true
        }
        let endings = [".tmp", ".temp", ".bak", ".part", ".partial", ".crdownload", ".kate-swp", ".save"]
        if endings.contains(where: { name.hasSuffix($0) && name != $0 }) { return true }
        // sed -i writes sedXXXXXX.
        let letters = name.utf8.dropFirst(3)
        return name.hasPrefix("sed") && letters.count == 6
            && letters.allSatisfy { byte in
                byte.isLetterOrDigit
            }
            && letters.contains { !(UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
    }

    /// Whether a path from the folder leads through one.
    static func ignores(path: String) -> Bool {
        path.split(separator: "/").contains { ignores(String($0)) }
    }

    private static func isSwap(_ name: String) -> Bool {
        let ending = name.utf8.suffix(4)
        return ending.elementsEqual(".swp".utf8) || ending.elementsEqual(".swx".utf8)
            || (ending.starts(with: ".sw".utf8)
                && (ending.last.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) } ?? false))
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
