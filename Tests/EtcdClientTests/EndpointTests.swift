import EtcdClient
import Testing

@Suite struct EndpointTests {
    @Test(arguments: [
        ("http://10.0.0.1:2379", "http://10.0.0.1:2379"),
        ("https://etcd-0.etcd.svc:2379/", "https://etcd-0.etcd.svc:2379"),
        ("Etcd.Example:1", "http://etcd.example:1"),
        ("HTTP://[::1]:65535", "http://[::1]:65535"),
    ])
    func reads(url: String, endpoint: String) throws {
        #expect(try Endpoint(url).description == endpoint)
    }

    @Test(arguments: [
        ("", "port is missing"), ("http://", "port is missing"), ("http://a", "port is missing"), ("http://[::1]", "port"),
        ("ftp://a:1", "scheme"), ("http://:2379", "host is missing"), ("http://a:", "port must"), ("http://a:0", "port must"),
        ("http://a:65536", "port must"), ("http://a:+1", "port must"), ("http://a:99999999999999999999", "port must"),
        ("http://user@a:1", "only scheme"), ("http://a/b:1", "only scheme"), ("http://a:1/b", "port must"),
        ("::1:2379", "only scheme"), ("http://a b:1", "only scheme"), ("http://ä:1", "only scheme"),
    ])
    func refuses(url: String, reason: String) {
        let error = #expect(throws: EndpointError.self) { try Endpoint(url) }
        #expect(error?.description.contains(reason) == true, "\(url): \(String(describing: error))")
        #expect(error?.text == url)
    }

    @Test func listsKeepTheirOrderAndLoseRepeats() throws {
        #expect(try Endpoints.parse("http://b:2, a:1,http://b:2/") == ["http://b:2", "http://a:1"])
    }

    @Test(arguments: ["", ",", "http://a:1,", "http://a:1,,http://b:1", "http://a:1 http://b:1"])
    func refusesLists(list: String) {
        #expect(throws: EndpointError.self) { try Endpoints.parse(list) }
    }

    @Test func aBadEndpointFailsTheCallAndNotTheConnecting() async {
        let connector = GRPCConnector()
        for endpoints in [[], ["nonsense"], ["https://127.0.0.1:2379"]] {
            let connection = connector.connect(to: endpoints, timeout: .seconds(1))
            let error = await #expect(throws: EtcdError.self) { try await connection.status() }
            #expect(error?.mayHaveHappened == false)
        }
        await connector.close()
    }
}
