import EtcdWire
import Platform
import TestSupport
import Testing

/// What real members say to each other is read, and written again, byte for byte.
@Suite("Real peers", .serialized)
struct RealPeersTests {
    @Test("Two members under load, and a third that joins by a snapshot", arguments: EtcdVersion.enabled)
    func conversations(version: EtcdVersion) async throws {
        let conversations = try await RecordedCluster.record(EtcdBinary.find(version)) { cluster in
            for member in 0..<2 {
                for number in 0..<150 { try cluster.put(member, "key\(number % 40)", "value \(member) \(number)") }
            }
            try await cluster.join()
            for number in 0..<50 { try cluster.put(number % 2, "late\(number)", String(repeating: "x", count: number * 50)) }
            try await cluster.waitUntilEqual()
        }

        var seen = Seen()
        for (request, answer) in try conversations.flatMap({ try HTTPText.exchanges($0) }) {
            try seen.take(request, answer)
        }
        #expect(seen.streams.count >= 8, "each of three members dials both streams of each other one")
        #expect(Set(seen.streams.map(\.path.description)).count >= 6)
        #expect(seen.snapshots == 1)
        #expect(seen.frames[.entries, default: 0] > 300)
        #expect(seen.frames[.message, default: 0] > 0)
        #expect(seen.frames[.linkHeartbeat, default: 0] > 0)
        for kind: RaftMessage.Kind in [.append, .appendResponse, .heartbeat, .heartbeatResponse, .proposal, .snapshot] {
            #expect(seen.kinds[kind, default: 0] > 0, "no \(kind) was seen")
        }
    }
}

/// What was read of recorded conversations.
private struct Seen {
    enum Frame {
        case linkHeartbeat, entries, message
    }

    var streams: [(path: Substring, bytes: Int)] = []
    var snapshots = 0
    var posts = 0
    var frames: [Frame: Int] = [:]
    var kinds: [RaftMessage.Kind: Int] = [:]

    mutating func take(_ request: HTTPText, _ answer: HTTPText?) throws {
        guard let answer else { return }
        let path = String(request.path)
        if path.hasPrefix("\(PeerPath.appendStream)/") || path.hasPrefix("\(PeerPath.messageStream)/") {
            try self.takeStream(request, answer)
        } else if path == PeerPath.pipeline && request.isWhole {
            #expect(request["content-type"] == "application/protobuf")
            try self.checkHeaders(request, isStream: false)
            try self.check(RaftMessage(decoding: request.body), request.body)
            #expect(answer.status == 204)
            self.posts += 1
        } else if path == PeerPath.snapshot && request.isWhole {
            #expect(request["content-type"] == "application/octet-stream")
            try self.checkHeaders(request, isStream: false)
            try self.takeSnapshot(request.body)
            #expect(answer.status == 204)
        }
    }

    private mutating func takeSnapshot(_ body: [UInt8]) throws {
        var decoder = SnapshotBodyDecoder()
        var (message, database): (RaftMessage?, [UInt8]) = (nil, [])
        for start in stride(from: 0, to: body.count, by: 1000) {
            for part in try decoder.receive(body[start..<min(body.count, start + 1000)]) {
                switch part {
                case .message(let part): message = part
                case .database(let part): database += part
                }
            }
        }
        try decoder.finish()
        let snapshot = try #require(message)
        #expect(snapshot.kind == .snapshot)
        #expect(snapshot.snapshot?.metadata.index ?? 0 > 50)
        let size = body.count - database.count - 8
        try self.check(snapshot, Array(body[8..<(8 + size)]))
        // bbolt's magic number in both of its meta pages, and whole pages.
        #expect(database.count % 4096 == 0)
        for meta in [16, 4096 + 16] { #expect(Array(database[meta..<(meta + 4)]) == [0xED, 0xDA, 0x0C, 0xED]) }
        self.snapshots += 1
    }

    private mutating func takeStream(_ request: HTTPText, _ answer: HTTPText) throws {
        #expect(request.method == "GET")
        try self.checkHeaders(request, isStream: true)
        guard answer.status == 200 else {
            // The one asked may not know the one that asks yet.
            let body = String(decoding: answer.body, as: UTF8.self)
            #expect(answer.status == 404 && body == "error sender not found\n", "\(answer.startLine) \(body)")
            return
        }
        #expect(answer["x-server-version"] == request["x-server-version"])
        #expect(answer["x-etcd-cluster-id"] == request["x-etcd-cluster-id"])
        let dialer = try #require(request["x-server-from"].flatMap { PeerHeaders.id($0) })
        let sender = try #require(request["x-raft-to"].flatMap { PeerHeaders.id($0) })
        let isAppend = request.path.hasPrefix(PeerPath.appendStream)
        #expect(request.path == PeerPath.stream(isAppend ? .append : .message, dialer: dialer))
        if isAppend {
            try self.takeAppends(answer.body, local: dialer, remote: sender)
        } else {
            try self.takeMessages(answer.body)
        }
        self.streams.append((request.path, answer.body.count))
    }

    private mutating func takeMessages(_ bytes: [UInt8]) throws {
        var decoder = MessageStreamDecoder()
        var rest = bytes[...]
        for message in try Self.decode(bytes, &decoder) {
            let size = Int(rest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
            try self.check(message, Array(rest.dropFirst(8).prefix(size)))
            rest = rest.dropFirst(8 + size)
        }
    }

    private mutating func takeAppends(_ bytes: [UInt8], local: UInt64, remote: UInt64) throws {
        var decoder = AppendStreamDecoder(local: local, remote: remote)
        var encoder = AppendStreamEncoder()
        var rest = bytes[...]
        for message in try Self.decode(bytes, &decoder) {
            var frame: [UInt8] = []
            encoder.encode(message, into: &frame)
            if frame[0] == 2 {
                // A whole message of a release before 3.6 has a field more and one less than is written here.
                let size = Int(rest.dropFirst().prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
                let body = Array(rest.dropFirst(9).prefix(size))
                #expect(rest.first == 2)
                try self.check(message, body)
                rest = rest.dropFirst(9 + size)
                self.frames[.message, default: 0] += 1
            } else {
                #expect(rest.prefix(frame.count).elementsEqual(frame), "\(message)")
                rest = rest.dropFirst(frame.count)
                self.frames[frame[0] == 0 ? .linkHeartbeat : .entries, default: 0] += 1
                self.kinds[message.kind, default: 0] += 1
                if frame[0] == 1 { #expect(message.to == local && message.from == remote) }
            }
        }
    }

    /// Feeds a stream in pieces of odd sizes.
    private static func decode(_ bytes: [UInt8], _ decoder: inout some PeerStreamDecoder) throws -> [RaftMessage] {
        var messages: [RaftMessage] = []
        for start in stride(from: 0, to: bytes.count, by: 37) {
            decoder.receive(bytes[start..<min(bytes.count, start + 37)])
            while let message = try decoder.next() { messages.append(message) }
        }
        return messages
    }

    /// The message, and its bytes as they were sent.
    private mutating func check(_ message: RaftMessage, _ bytes: [UInt8]) throws {
        self.kinds[message.kind, default: 0] += 1
        #expect(message.encodedBefore36() == bytes, "\(message)")
        #expect(try RaftMessage(decoding: message.encoded()) == message)
    }

    private func checkHeaders(_ request: HTTPText, isStream: Bool) throws {
        let headers = PeerHeaders(
            clusterID: try #require(request["x-etcd-cluster-id"].flatMap { PeerHeaders.id($0) }),
            from: try #require(request["x-server-from"].flatMap { PeerHeaders.id($0) }),
            to: request["x-raft-to"].flatMap { PeerHeaders.id($0) }, serverVersion: try #require(request["x-server-version"]),
            peerURLs: try #require(request["x-peerurls"]).split(separator: ",").map(String.init))
        #expect((headers.to != nil) == isStream)
        let sent = request.headers.filter { $0.name.hasPrefix("x-") }.map { "\($0.name): \($0.value)" }
        #expect(Set(headers.fields.map { "\($0.name.lowercased()): \($0.value)" }) == Set(sent))
    }
}

extension RaftMessage {
    /// As releases before 3.6 write it: with a snapshot always, even an empty one, and without `vote`.
    fileprivate func encodedBefore36() -> [UInt8] {
        var message = self
        message.snapshot = self.snapshot ?? RaftSnapshot()
        let vote: [UInt8] = [13 << 3, 0]
        let bytes = message.encoded()
        return bytes.suffix(2) == vote[...] ? Array(bytes.dropLast(2)) : bytes
    }
}
