import EtcdWire
import Platform
import Testing

/// What log entries mean, by bytes that etcd wrote.
@Suite struct EntryContentTests {
    private func content(_ hex: String, _ kind: RaftEntry.Kind = .normal) throws -> EntryContent {
        try EntryContent(RaftEntry(kind: kind, term: 2, index: 5, data: GoldenTests.bytes(hex)))
    }

    /// The first entry of a member's log.
    @Test func bootstrap() throws {
        let json = #"{"id":10276657743932975437,"peerURLs":["http://localhost:2380"],"name":"default"}"#
        let change = ConfChange(kind: .addNode, nodeID: 0x8e9e_05c5_2164_694d, context: Array(json.utf8))
        let data = GoldenTests.bytes("0800 1000 18 cdd2918bd2b881cf8e01 22 51") + Array(json.utf8)
        let entry = RaftEntry(kind: .confChange, term: 1, index: 1, data: data)
        #expect(entry.encoded() == GoldenTests.bytes("0801 1001 1801 22 62") + data)
        #expect(change.encoded() == data)
        #expect(try EntryContent(entry) == .confChange(change))
        #expect(try EntryContent(entry).summary == "add member 8e9e05c52164694d")
    }

    @Test func requests() throws {
        let tail = "a206 0a 08 \(GoldenTests.requestIDVarint)"
        let put = try self.content("220a 0a03666f6f 1203626172 \(tail)")
        #expect(put.summary == "put foo (3 bytes)")
        #expect(try self.content("2a05 0a03666f6f \(tail)").summary == "delete foo")
        let grant = try self.content("420d 08d804 10 \(GoldenTests.requestIDVarint) \(tail)")
        #expect(grant.summary == "grant lease 694da2053d3f5608 (ttl 600 s)")
        #expect(try self.content("") == .nothing)
    }

    /// A request of the older store parses as no newer one, whatever its method; or it stands within one.
    @Test(arguments: ["PUT", "POST", "GET", "QGET", "DELETE", "SYNC", ""]) func olderStore(_ method: String) throws {
        let request = V2Request(id: 7, method: method, path: "/0/members/8e9e05c52164694d/attributes", value: #"{"name":"m1"}"#)
        let bare = try EntryContent(RaftEntry(term: 1, index: 2, data: request.encoded()))
        #expect(bare == .v2(request))
        let wrapped = InternalRaftRequest(operation: .v2(request), header: RequestHeader(id: 1))
        #expect(try EntryContent(RaftEntry(term: 1, index: 2, data: wrapped.encoded())) == .v2(request))
        #expect(bare.summary == "v2 \(method) /0/members/8e9e05c52164694d/attributes (13 bytes)")
    }

    /// Fields that must be there stand there when zero; the two that need not, only when set.
    @Test func olderRequestsBytes() throws {
        let zero = "0800 1200 1a00 2200 2800 3200 3800 4800 5000 5800 6000 6800 7000 7800 800100"
        #expect(V2Request().encoded() == GoldenTests.bytes(zero))
        #expect(V2Request(prevExist: false, refresh: true).encoded().count == V2Request().encoded().count + 5)
        #expect(try V2Request(decoding: GoldenTests.bytes(zero)) == V2Request())
    }

    @Test func whatIsNeitherIsRefused() throws {
        #expect(throws: WireError.self) { try self.content("ff") }
        #expect(throws: WireError.self) { try self.content("0a01ff", .confChange) }
        #expect(throws: WireError.self) { try self.content("1009", .confChange) }
        #expect(throws: WireError.self) { try self.content("0809", .confChangeV2) }
    }

    @Test func summaries() {
        func summary(_ operation: InternalRaftRequest.Operation) -> String {
            EntryContent.request(InternalRaftRequest(operation: operation)).summary
        }
        let key = Array("/a/b".utf8)
        #expect(
            summary(.put(PutRequest(key: key, value: [UInt8](repeating: 0, count: 256), lease: 7)))
                == "put /a/b (256 bytes, lease 7)")
        #expect(summary(.put(PutRequest(key: [0, 0x20, 0x61, 0xFF, 0x5C]))) == #"put \x00\x20a\xff\x5c (0 bytes)"#)
        #expect(summary(.deleteRange(DeleteRangeRequest(key: key, rangeEnd: [0]))) == "delete [/a/b, end)")
        #expect(summary(.deleteRange(DeleteRangeRequest(key: key, rangeEnd: Array("/a/c".utf8)))) == "delete [/a/b, /a/c)")
        #expect(summary(.txn(TxnRequest(success: [.put(PutRequest(key: key))]))) == "txn (compare 0, success 1, failure 0)")
        #expect(summary(.authUserAdd(AuthUserAddRequest(name: "u", password: "secret"))) == "add user u")
        let permission = Permission(permType: .readWrite, key: key)
        #expect(
            summary(.authRoleGrantPermission(AuthRoleGrantPermissionRequest(name: "r", perm: permission)))
                == "grant role r readwrite /a/b")
        #expect(
            summary(.alarm(AlarmRequest(action: .activate, memberID: 10, alarm: .noSpace))) == "raise alarm noSpace of member a"
        )
        #expect(EntryContent.request(InternalRaftRequest(unknown: [0xA2, 0x51, 0])).summary == "a request of a newer release")
        let joint = ConfChangeV2(changes: [ConfChangeSingle(nodeID: 1), ConfChangeSingle(kind: .removeNode, nodeID: 2)])
        #expect(EntryContent.confChangeV2(joint).summary == "members: add member 1, remove member 2")
    }

    /// Every operation has a field of its own, and comes back from it; every one has a summary.
    @Test func everyOperation() throws {
        let numbers =
            Array(2...11) + [1000, 1011, 1012, 1013] + Array(1100...1107) + Array(1200...1204) + Array(1300...1302) + [9900]
        var seen: Set<InternalRaftRequest.Operation> = []
        for number in numbers {
            var writer = ProtoWriter()
            writer.bytes(number, [], always: true)
            let request = try InternalRaftRequest(decoding: writer.bytes)
            let operation = try #require(request.operation, "field \(number)")
            #expect(request.unknown.isEmpty && (number == 2 || request.encoded() == writer.bytes), "field \(number)")
            #expect(seen.insert(operation).inserted, "field \(number)")
            #expect(EntryContent.request(request).summary != "nothing", "field \(number)")
        }
    }

    @Test func mutatedEntriesNeverTrap() throws {
        var random = SeededRandom(seed: 99)
        var counts: [String: Int] = [:]
        for round in 0..<6000 {
            var data = Messages.sample(InternalRaftRequest.self, &random).encoded()
            if round % 3 == 0 { data = Messages.sample(V2Request.self, &random).encoded() }
            if !data.isEmpty {
                data[Int.random(in: 0..<data.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            let kind = RaftEntry.Kind(rawValue: Int32.random(in: 0...2, using: &random)) ?? .normal
            guard let content = try? EntryContent(RaftEntry(kind: kind, term: 1, index: 1, data: data)) else {
                counts["refused", default: 0] += 1
                continue
            }
            #expect(content.summary.allSatisfy { $0.isASCII && $0 != "\n" })
            counts[String(content.summary.prefix(3)), default: 0] += 1
        }
        #expect(counts["refused"] ?? 0 > 500 && counts["v2 "] ?? 0 > 100 && counts["put"] ?? 0 > 20, "\(counts)")
    }
}
