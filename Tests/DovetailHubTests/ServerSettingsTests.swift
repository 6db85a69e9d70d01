import DovetailHub
import Testing

@Suite("Where a hub listens")
struct ServerSettingsTests {
    @Test("is this machine only, unless told otherwise")
    func loopback() { #expect(ServerSettings().host == "127.0.0.1") }
}
