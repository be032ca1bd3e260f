import GRPCServer
import NIOCore
import Synchronization
import TestSupport
import Testing

/// A request that no handler answers, or whose message none gets.
private struct BadRequest: Sendable, CustomStringConvertible {
    var name: String
    var fields: [(String, String)]
    var payload: [UInt8]
    /// grpc-go's answer has changed since etcd's releases were built; ours is the newer one.
    var isNewer = false
    var description: String { self.name }

    init(
        _ name: String, _ path: String = "/etcdserverpb.KV/Range", _ changed: [(String, String)] = [],
        payload: [UInt8] = Client.message([0x0A, 1, 0x6B]), isNewer: Bool = false
    ) {
        var fields = Client.requestFields(path)
        for (name, value) in changed {
            if let index = fields.firstIndex(where: { $0.0 == name }) {
                fields[index].1 = value
            } else {
                fields.append((name, value))
            }
        }
        (self.name, self.fields, self.payload, self.isNewer) = (name, fields, payload, isNewer)
    }

    static let all: [BadRequest] = [
        Self("unknown service", "/no.Service/Get"),
        Self("unknown method", "/etcdserverpb.KV/Get"),
        Self("path of three parts", "/a/b/c"),
        Self("no slash", "nothing", isNewer: true),
        Self("no method", "/nothing", isNewer: true),
        Self("empty names", "//"),
        Self("GET", "/etcdserverpb.KV/Range", [(":method", "GET")], isNewer: true),
        Self("another content type", "/etcdserverpb.KV/Range", [("content-type", "text/html")], isNewer: true),
        Self("wrong timeout", "/etcdserverpb.KV/Range", [("grpc-timeout", "1x")], isNewer: true),
        Self("gzip", "/etcdserverpb.KV/Range", [("grpc-encoding", "zip")]),
        Self("compressed without an encoding", payload: Client.message([1], flag: 1)),
        Self("unknown flag", payload: Client.message([1], flag: 7)),
        Self("too large", payload: [0, 0x00, 0x20, 0x00, 0x01]),
        Self("cut off", payload: [0, 0, 0, 0, 4, 1, 2]),
        Self("no message", payload: []),
    ]

    /// What the server on this port says.
    func answer(port: Int) throws -> String {
        let client = try RawClient(port: port)
        client.send(.headers(1, Client.block(self.fields)), .data(1, self.payload, end: true))
        let frames = client.answer(1)
        if let reset = frames.last, reset.type == 3, !frames.contains(where: { $0.type == 1 }) {
            return "RST_STREAM \(reset.number(0))"
        }
        return frames.status
    }
}

@Suite("Refusals, beside etcd's", .serialized)
struct RefusalTests {
    @Test("The same code and words as etcd", arguments: EtcdVersion.enabled)
    func same(version: EtcdVersion) async throws {
        let etcd = try await EtcdProcess.start(EtcdBinary.find(version))
        defer { etcd.kill() }
        let add: (inout MethodTable) -> Void = { $0.unary("/etcdserverpb.KV/Range") { _, _ in .message([]) } }
        try await LiveServer.run(more: add) { _, port in
            for request in BadRequest.all where !request.isNewer {
                let (ours, theirs) = (try request.answer(port: port), try request.answer(port: etcd.clientPort))
                #expect(ours == theirs, "\(request)")
            }
        }
    }
}
