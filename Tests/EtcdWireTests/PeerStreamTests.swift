import EtcdWire
import Platform
import Testing

@Suite struct PeerStreamTests {
    private static let local: UInt64 = 0x8211_F1D0_F64F_3269
    private static let remote: UInt64 = 0x91BC_3C39_8FB3_C146

    /// The frames of etcd's codec, byte by byte.
    @Test func appendStreamFrames() throws {
        var first = RaftMessage(.append, to: 1, from: 2, term: 3)
        (first.logTerm, first.index, first.commit) = (2, 9, 8)
        first.entries = [RaftEntry(term: 3, index: 10, data: [7])]
        var second = RaftMessage(.append, to: 1, from: 2, term: 3)
        (second.logTerm, second.index, second.commit) = (3, 10, 10)
        second.entries = [RaftEntry(term: 3, index: 11, data: []), RaftEntry(term: 3, index: 12, data: [1, 2])]
        var third = RaftMessage(.append, to: 1, from: 2, term: 3)
        (third.logTerm, third.index, third.commit) = (3, 12, 12)

        var encoder = AppendStreamEncoder()
        func frame(_ message: RaftMessage) -> [UInt8] {
            var bytes: [UInt8] = []
            encoder.encode(message, into: &bytes)
            return bytes
        }
        let body = first.encoded()
        var bytes = frame(first)
        #expect(bytes == [2, 0, 0, 0, 0, 0, 0, 0, UInt8(body.count)] + body)
        bytes += frame(.linkHeartbeat)
        #expect(bytes.last == 0)
        let entries = frame(second)
        #expect(
            entries == [1, 0, 0, 0, 0, 0, 0, 0, 2]
                + [0, 0, 0, 0, 0, 0, 0, 6, 0x08, 0, 0x10, 3, 0x18, 11]
                + [0, 0, 0, 0, 0, 0, 0, 10, 0x08, 0, 0x10, 3, 0x18, 12, 0x22, 2, 1, 2] + [0, 0, 0, 0, 0, 0, 0, 10])
        bytes += entries
        // Nothing new but the commit index.
        let commit = frame(third)
        #expect(commit == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12])
        bytes += commit

        var decoder = AppendStreamDecoder(local: 1, remote: 2)
        decoder.receive(bytes)
        #expect(try decoder.next() == first)
        #expect(try decoder.next() == .linkHeartbeat)
        #expect(try decoder.next() == second)
        #expect(try decoder.next() == third)
        #expect(try decoder.next() == nil)
        try decoder.finish()
    }

    @Test func messageStreamFrames() throws {
        var bytes: [UInt8] = []
        let message = RaftMessage(.heartbeatResponse, to: 5, from: 6, term: 7)
        MessageStreamEncoder().encode(message, into: &bytes)
        let body = message.encoded()
        #expect(bytes == [0, 0, 0, 0, 0, 0, 0, UInt8(body.count)] + body)
        MessageStreamEncoder().encode(.linkHeartbeat, into: &bytes)
        var decoder = MessageStreamDecoder()
        decoder.receive(bytes)
        #expect(try decoder.next() == message)
        #expect(try decoder.next()?.isLinkHeartbeat == true)
        #expect(try decoder.next() == nil)
        try decoder.finish()
    }

    @Test func anyMessagesInAnyChunks() throws {
        for seed in 0..<UInt64(60) {
            var random = SeededRandom(seed: seed)
            let messages = Self.messages(&random)
            var encoder = AppendStreamEncoder()
            var (appends, plain): ([UInt8], [UInt8]) = ([], [])
            for message in messages {
                encoder.encode(message, into: &appends)
                MessageStreamEncoder().encode(message, into: &plain)
            }
            var append = AppendStreamDecoder(local: Self.local, remote: Self.remote)
            var message = MessageStreamDecoder()
            var (fromAppend, fromPlain): ([RaftMessage], [RaftMessage]) = ([], [])
            for chunk in Self.chunks(appends, &random) {
                append.receive(chunk)
                while let message = try append.next() { fromAppend.append(message) }
            }
            for chunk in Self.chunks(plain, &random) {
                message.receive(chunk)
                while let message = try message.next() { fromPlain.append(message) }
            }
            try append.finish()
            try message.finish()
            #expect(fromAppend == messages, "seed \(seed)")
            #expect(fromPlain == messages, "seed \(seed)")
            #expect(appends.count < plain.count, "seed \(seed)")
        }
    }

    @Test func snapshotBodies() throws {
        for seed in 0..<UInt64(40) {
            var random = SeededRandom(seed: seed)
            var message = RaftMessage(.snapshot, to: 1, from: 2, term: 3)
            let metadata = RaftSnapshotMetadata(confState: ConfState(voters: [1, 2]), index: 77, term: 3)
            message.snapshot = RaftSnapshot(data: [1, 2, 3], metadata: metadata)
            let database = (0..<Int.random(in: 0...5000, using: &random)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            var decoder = SnapshotBodyDecoder()
            var (found, bytes): ([RaftMessage], [UInt8]) = ([], [])
            for chunk in Self.chunks(SnapshotBody.head(message) + database, &random) {
                for part in try decoder.receive(chunk) {
                    switch part {
                    case .message(let message): found.append(message)
                    case .database(let part): bytes += part
                    }
                }
            }
            try decoder.finish()
            #expect(found == [message] && bytes == database, "seed \(seed)")
        }
    }

    @Test func whatIsRefused() throws {
        func problem(limit: Int = 1000, _ bytes: [UInt8]) -> PeerStreamError.Problem? {
            Self.problem(bytes, AppendStreamDecoder(local: 1, remote: 2, limit: limit))
        }
        let body = RaftMessage(.append, to: 1, from: 2, term: 3).encoded()
        let whole: [UInt8] = [2, 0, 0, 0, 0, 0, 0, 0, UInt8(body.count)] + body
        #expect(problem(whole) == nil)
        #expect(problem([3]) == .unknownType(3))
        #expect(problem(Array(whole.dropLast())) == .truncated)
        #expect(problem([2] + Self.bigEndian(1001)) == .tooLarge(size: 1001, limit: 1000))
        #expect(problem([2] + Self.bigEndian(.max)) == .tooLarge(size: .max, limit: 1000))
        #expect(problem([2] + Self.bigEndian(2) + [0x0A, 0x05]) == .message(WireError(.wrongWireType, offset: 1)))
        #expect(problem([1] + Self.bigEndian(0)) == .nothingToContinue)
        #expect(problem(whole + [1] + Self.bigEndian(126)) == .tooLarge(size: 126, limit: 125))
        let entry = RaftEntry(term: 3, index: 2, data: []).encoded()
        let entries = [1] + Self.bigEndian(1) + Self.bigEndian(UInt64(entry.count)) + entry + Self.bigEndian(0)
        #expect(problem(whole + entries) == .wrongIndex(2, expected: 1))
        #expect(problem(whole + [1] + Self.bigEndian(2) + Self.bigEndian(1001)) == .tooLarge(size: 1001, limit: 1000))
        // Entries together are held to the limit too.
        let first = RaftEntry(term: 3, index: 1, data: Array(repeating: 0, count: 900)).encoded()
        let room = 1000 - first.count
        #expect(
            problem(whole + [1] + Self.bigEndian(2) + Self.bigEndian(UInt64(first.count)) + first + Self.bigEndian(200))
                == .tooLarge(size: 200, limit: room))

        var decoder = MessageStreamDecoder(limit: 10)
        decoder.receive(Self.bigEndian(11))
        #expect(throws: PeerStreamError(.tooLarge(size: 11, limit: 10), offset: 0)) { try decoder.next() }
        var snapshot = SnapshotBodyDecoder(limit: 10)
        #expect(throws: PeerStreamError(.tooLarge(size: 11, limit: 10), offset: 0)) { try snapshot.receive(Self.bigEndian(11)) }
        #expect(throws: PeerStreamError(.truncated, offset: 0)) { try SnapshotBodyDecoder().finish() }
    }

    @Test func mutatedStreamsNeverTrap() {
        for seed in 0..<UInt64(300) {
            var random = SeededRandom(seed: seed)
            var encoder = AppendStreamEncoder()
            var (appends, plain): ([UInt8], [UInt8]) = ([], [])
            for message in Self.messages(&random) {
                encoder.encode(message, into: &appends)
                MessageStreamEncoder().encode(message, into: &plain)
            }
            for _ in 0..<4 {
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let place = Int.random(in: appends.indices, using: &random)
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: appends[place] = UInt8.random(in: 0...255, using: &random)
                    case 1: appends[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
                    case 2: appends.insert(UInt8.random(in: 0...255, using: &random), at: place)
                    default: appends.removeSubrange(place..<min(appends.count, place + 9))
                    }
                    if appends.isEmpty { appends = [1] }
                    plain[Int.random(in: plain.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                var snapshot = SnapshotBodyDecoder(limit: 100_000)
                // What it says of them is for others to test; here it must say anything at all.
                _ = Self.problem(appends, AppendStreamDecoder(local: Self.local, remote: Self.remote, limit: 100_000))
                _ = Self.problem(plain, MessageStreamDecoder(limit: 100_000))
                _ = try? snapshot.receive(plain)
            }
        }
    }

    @Test func headers() {
        let headers = PeerHeaders(
            clusterID: 0xEF37_AD9D_C622_A7C4, from: Self.local, to: 0xFD, serverVersion: "3.5.1",
            peerURLs: ["http://127.0.0.1:1", "http://127.0.0.1:2"])
        #expect(
            headers.fields.map { "\($0.name): \($0.value)" } == [
                "X-Server-From: 8211f1d0f64f3269", "X-Server-Version: 3.5.1", "X-Min-Cluster-Version: 3.0.0",
                "X-Etcd-Cluster-ID: ef37ad9dc622a7c4", "X-Raft-To: fd", "X-PeerURLs: http://127.0.0.1:1,http://127.0.0.1:2",
            ])
        #expect(PeerHeaders.id("8211f1d0f64f3269") == Self.local)
        #expect(PeerHeaders.id("FD") == 0xFD)
        for text in ["", "+1", "-1", "0x1", "g", "18211f1d0f64f3269", " 1"] { #expect(PeerHeaders.id(text) == nil, "\(text)") }
        #expect(PeerPath.stream(.append, dialer: 0xFD) == "/raft/stream/msgapp/fd")
        #expect(PeerPath.stream(.message, dialer: 1) == "/raft/stream/message/1")
    }

    /// What a leader sends: runs of entries that go on, now and then a gap, a new term, a heartbeat.
    private static func messages(_ random: inout SeededRandom) -> [RaftMessage] {
        var messages: [RaftMessage] = []
        var (term, index): (UInt64, UInt64) = (1, 0)
        for _ in 0..<40 {
            if random.chance(0.1) {
                messages.append(.linkHeartbeat)
                continue
            }
            var message = RaftMessage(.append, to: Self.local, from: Self.remote, term: term)
            message.logTerm = term
            if random.chance(0.1) {
                term += 1
                message.term = term
            }
            if random.chance(0.05) { index = UInt64.random(in: 0...1000, using: &random) }
            message.index = index
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                index += 1
                let data = (0..<Int.random(in: 0...300, using: &random)).map { UInt8(truncatingIfNeeded: $0) }
                message.entries.append(RaftEntry(term: term, index: index, data: data))
            }
            message.commit = index / 2
            messages.append(message)
        }
        return messages
    }

    private static func chunks(_ bytes: [UInt8], _ random: inout SeededRandom) -> [ArraySlice<UInt8>] {
        let largest = [1, 3, 20, 5000].randomElement(using: &random) ?? 1
        var chunks: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...largest, using: &random)
            chunks.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return chunks
    }

    private static func bigEndian(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
    }

    /// What stops a stream, if anything does.
    private static func problem(_ bytes: [UInt8], _ decoder: some PeerStreamDecoder) -> PeerStreamError.Problem? {
        var decoder = decoder
        do throws(PeerStreamError) {
            decoder.receive(bytes)
            while try decoder.next() != nil {}
            try decoder.finish()
            return nil
        } catch {
            return error.problem
        }
    }
}
