import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import NIOSSL

/// Why a hub can't be reached, in words: libraries speak of their own insides.
struct HTTPFailure {
    let address: HubAddress

    func words(_ error: any Error) -> String {
        "\(address) can't be reached: \(reason(error))"
    }

    private func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let error = error.dnsAError ?? error.dnsAAAAError { return reason(error) }
            return reason(error.connectionErrors.first?.error ?? HTTPClientError.connectTimeout)
        case let error as SocketAddressError.UnknownHost:
            return
                "there is no machine named \(error.host) (\(error.errorDescription)); see whether the address is right"
        case let error as IOError:
            return "\(String(cString: strerror(error.errnoCode))); see whether it runs, and is there"
        case let error as NIOSSLError: return encryption("\(error)")
        case let error as NIOSSLExtraError: return encryption("\(error)")
        case let error as HTTPClientError: return "\(error.description); see whether it runs, and is there"
        default: return "\(error); see whether it runs, and is there"
        }
    }

    /// What it says is only looked through for words that BoringSSL has used for long.
    private func encryption(_ error: String) -> String {
        if error.contains("CERTIFICATE_VERIFY_FAILED") {
            return
                "its certificate is not trusted here: it is out of date, or of an authority that this machine does not"
                + " know; have that authority's certificate in a PEM file, and name the file in SSL_CERT_FILE"
        }
        if error.contains("failedToValidateHostname") {
            return "its certificate is for another name; use the name that it is for"
        }
        if error.contains("WRONG_VERSION_NUMBER") || error.contains("HTTP_REQUEST") {
            return "it does not speak https there; see whether the address should begin with http://"
        }
        if error.contains("uncleanShutdown") {
            return "it broke off the connection; see whether it runs, and is there"
        }
        return "no encrypted connection came about; see whether it speaks TLS 1.2 or later there"
    }
}
