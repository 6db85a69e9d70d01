import Foundation

/// Paths as text: nothing here looks at the disk.
enum FilePaths {
    /// The absolute path of `path`, with `~` expanded and `.` and `..` resolved as text.
    static func resolve(_ path: String, relativeTo folder: String, home: String?) -> String {
        let home = home ?? NSHomeDirectory()
        if path == "~" { return normal(home) }
        if path.hasPrefix("~/") { return normal(home + path.dropFirst(1)) }
        if path.hasPrefix("/") { return normal(path) }
        return normal(folder + "/" + path)
    }

    /// The absolute path of the folder that holds `path`.
    static func folder(of path: String) -> String {
        let absolute = resolve(path, relativeTo: FileManager.default.currentDirectoryPath, home: nil)
        return normal(absolute + "/..")
    }

    /// The last part of a path without its ending.
    static func baseName(of path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
        return String(name[..<dot])
    }

    private static func normal(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
