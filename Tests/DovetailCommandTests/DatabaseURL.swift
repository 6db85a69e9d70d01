import DovetailTestPostgres
import Foundation

extension TestDatabase {
    /// The database as a job file names it, with more parameters of libpq.
    func url(_ more: [String: String] = [:]) -> String {
        var values = Conninfo.parse(conninfo).filter {
            ["host", "port", "user", "password"].contains($0.key)
        }
        values.merge(more) { $1 }
        let parameters = values.sorted { $0.key < $1.key }.map { key, value in
            "\(key)=\(value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? value)"
        }
        return "postgresql:///\(name)?" + parameters.joined(separator: "&")
    }
}
