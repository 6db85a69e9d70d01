import DovetailEngine
import DovetailPrograms
import Foundation
import Testing

/// A program in Python, in a folder of its own.
final class Script {
    let folder: URL
    private let python = "/usr/bin/env"

    init(_ text: String) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "program-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try text.write(to: folder.appending(path: "program.py"), atomically: true, encoding: .utf8)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    func replica(_ arguments: String..., patience: Duration = .seconds(60)) -> ProgramReplica {
        ProgramReplica(
            path: python, arguments: ["python3", "program.py"] + arguments, directory: folder.path,
            name: "script", patience: patience)
    }

    /// A program that knows `hello` and `describe`, and answers everything else by a line of Python.
    static func answering(_ line: String, hello: String = #"{"dovetail": 1}"#) throws -> Script {
        try Script(
            """
            import json, os, signal, sys, time
            for line in sys.stdin:
                request = json.loads(line)
                ask = request.get("ask")
                def answer(fields): print(json.dumps({"id": request["id"], **fields}), flush=True)
                if ask is None: continue
                elif ask == "hello": answer(\(hello))
                elif ask == "describe": answer({"tables": [{"name": "things", "key": ["id"], "columns": [
                    {"name": "id", "type": "int"}, {"name": "size", "type": "double"}, {"name": "day", "type": "date"}]}]})
                elif ask not in ("snapshot", "more", "apply"): answer({"error": {"kind": "unsupported"}})
                else: \(line)
            """)
    }
}

/// The words of an error, whichever it is; empty when there is none.
func complaint(_ work: () async throws -> Void) async -> String {
    do {
        try await work()
        return ""
    } catch {
        return "\(error)"
    }
}
