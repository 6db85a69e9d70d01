import Foundation

/// Tells what a file is by its first bytes, where its name says nothing.
enum SourceContent {
    /// Nil for a file that is not there, is of no kind known here, or could be several.
    static func scheme(of path: String) -> SourceReference.Scheme? {
        guard let file = FileHandle(forReadingAtPath: path), let head = try? file.read(upToCount: 4096) else {
            return nil
        }
        if head.starts(with: Array("SQLite format 3\0".utf8)) {
            // The application id of GeoPackage, at its place in the header of SQLite.
            return head.dropFirst(68).starts(with: Array("GPKG".utf8)) ? .gpkg : .sqlite
        }
        let text = head.starts(with: [0xef, 0xbb, 0xbf]) ? head.dropFirst(3) : head[...]
        // White space, and the record separator of text sequences.
        let first = text.first { ![0x20, 0x09, 0x0a, 0x0d, 0x1e].contains($0) }
        if first == UInt8(ascii: "{") { return .geojson }
        let line = text.prefix { $0 != 0x0a && $0 != 0x0d }
        let isText = !text.contains { $0 < 0x20 && ![0x09, 0x0a, 0x0d].contains($0) }
        return isText && line.contains { ",;\t|".utf8.contains($0) } ? .csv : nil
    }
}
