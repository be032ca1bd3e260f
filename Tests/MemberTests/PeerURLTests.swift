import Testing

@testable import Member

@Suite("Peer URLs")
struct PeerURLTests {
    @Test(
        "What etcd takes for one",
        arguments: [
            "http://127.0.0.1:2380", "https://host:2380", "http://[::1]:2380", "unix://localhost:1", " http://a:1", "http://a:",
            "http://user@a:1",
        ])
    func valid(url: String) { #expect(PeerURL.isValid(url)) }

    @Test(
        "What it refuses",
        arguments: [
            "", "not a url", "127.0.0.1:2380", "ftp://a:1", "http://a", "http://a:1/path", "http://a:1/", "http://::1:2380",
            "http://[::1:2380", "http://",
        ])
    func invalid(url: String) { #expect(!PeerURL.isValid(url)) }
}
