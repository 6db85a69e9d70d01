import Dovetail

// Measures texts beside git (Benchmarks/text.py), a whole process a figure.
//
//     DovetailTextBenchmark diff OLD NEW              prints the changed lines
//     DovetailTextBenchmark merge BASE LEFT RIGHT     prints the merged text
//     DovetailTextBenchmark delta OLD NEW             prints the delta, proven by applying it

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct Unreadable: Error {
    let path: String
}

/// Maps a file, which leaves its bytes where the system has them.
func map(_ path: String) throws -> UnsafeRawBufferPointer {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { throw Unreadable(path: path) }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw Unreadable(path: path) }
    let size = Int(status.st_size)
    guard size > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, file, 0), start != MAP_FAILED else {
        throw Unreadable(path: path)
    }
    return UnsafeRawBufferPointer(start: start, count: size)
}

func put(_ bytes: UnsafeRawBufferPointer) {
    var done = 0
    while done < bytes.count {
        let written = write(STDOUT_FILENO, bytes.baseAddress.map { $0 + done }, bytes.count - done)
        guard written > 0 else { exit(1) }
        done += written
    }
}

func printChangedLines(_ old: UnsafeRawBufferPointer, _ new: UnsafeRawBufferPointer) {
    var output: [UInt8] = []
    func add(_ sign: Character, _ text: UnsafeRawBufferPointer, _ range: Range<Int>) {
        var rest = text[range]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.endIndex
            output.append(contentsOf: sign.utf8)
            output.append(contentsOf: rest[..<end])
            rest = rest[end...]
        }
    }
    for hunk in LineDiff.hunks(from: old, to: new) {
        output.append(contentsOf: "@@ \(hunk.old) \(hunk.new) @@\n".utf8)
        add("-", old, hunk.old)
        add("+", new, hunk.new)
    }
    output.withUnsafeBytes(put)
}

/// Prints the merged text; false if there are conflicts, of which both sides' lines are printed.
func printMerged(
    _ base: UnsafeRawBufferPointer, _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer
) -> Bool {
    var isClean = true
    for piece in TextMerge.pieces(base: base, left: left, right: right) {
        switch piece.kind {
        case .unchanged, .left, .both: put(UnsafeRawBufferPointer(rebasing: left[piece.left]))
        case .right: put(UnsafeRawBufferPointer(rebasing: right[piece.right]))
        case .combined(let bytes): bytes.withUnsafeBytes(put)
        case .conflict:
            isClean = false
            put(UnsafeRawBufferPointer(rebasing: left[piece.left]))
            put(UnsafeRawBufferPointer(rebasing: right[piece.right]))
        }
    }
    return isClean
}

let arguments = Array(CommandLine.arguments.dropFirst())
let texts = try arguments.dropFirst().map(map)
switch (arguments.first, texts.count) {
case ("diff", 2): printChangedLines(texts[0], texts[1])
case ("merge", 3): exit(printMerged(texts[0], texts[1], texts[2]) ? 0 : 1)
case ("delta", 2):
    let (old, new) = (Array(texts[0]), Array(texts[1]))
    let sent = TextDelta(from: old, to: new).encoded()
    let received = try TextDelta(decoding: sent, limit: new.count)
    _ = try received.applied(to: old, proving: (Digest(of: old), Digest(of: new)))
    sent.withUnsafeBytes(put)
default:
    print("DovetailTextBenchmark diff OLD NEW | merge BASE LEFT RIGHT | delta OLD NEW")
    exit(2)
}
