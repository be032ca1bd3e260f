import EtcdClient
import EtcdWire
import Synchronization
import TestSupport
import Testing

/// Runs a test against a cluster of one, and leaves nothing behind.
func withEtcd(
    _ version: EtcdVersion, timeout: Duration = .seconds(10),
    _ body: (_ etcd: EtcdProcess, _ connection: any EtcdConnection) async throws -> Void
) async throws {
    let etcd = try await EtcdProcess.start(EtcdBinary.find(version))
    let connector = GRPCConnector()
    do {
        try await body(etcd, connector.connect(to: [etcd.clientURL], timeout: timeout))
    } catch {
        await connector.close()
        throw error
    }
    await connector.close()
    etcd.kill()
}

extension [UInt8] {
    init(_ text: String) { self = Array(text.utf8) }
    var text: String { String(decoding: self, as: UTF8.self) }
    /// The end of the range of all keys that begin with this one.
    var prefixEnd: [UInt8] { self.dropLast() + [self[self.count - 1] + 1] }
}

/// Collects what a stream delivers, and lets a test wait for it.
final class Collector<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    var all: [Element] { self.elements.withLock { $0 } }

    func append(_ element: Element) {
        self.elements.withLock { $0.append(element) }
    }

    @discardableResult
    func wait(until isEnough: @Sendable ([Element]) -> Bool) async throws -> [Element] {
        try await poll(within: .seconds(10), "only \(self.all) came") { isEnough(self.all) ? self.all : nil }
    }
}

func expectError(
    _ code: EtcdError.Code, _ message: String? = nil, location: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async {
    let error = await #expect(throws: EtcdError.self, sourceLocation: location) { try await body() }
    #expect(error?.code == code, "\(String(describing: error))", sourceLocation: location)
    if let message { #expect(error?.message == message, sourceLocation: location) }
}
