internal import EtcdWire

/// The streams between members, cut in any way: the same messages and the same refusal as in one piece.
extension FuzzTarget {
    /// More than inputs have, and little enough that limits are met.
    private static let largestMessage = 1 << 16

    static func peer(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let rest = bytes[1...]
        let size = Int(first / 3) + 1
        let parts = stride(from: rest.startIndex, to: rest.endIndex, by: size).map { rest[$0..<min($0 + size, rest.endIndex)] }
        switch first % 3 {
        case 0:
            let decoder = MessageStreamDecoder(limit: self.largestMessage)
            let whole = Received(decoder, [rest])
            precondition(Received(decoder, parts) == whole, "a stream says the same in any parts")
            for message in whole.messages { self.check(message) }
        case 1:
            let decoder = AppendStreamDecoder(local: 1, remote: 2, limit: self.largestMessage)
            let whole = Received(decoder, [rest])
            precondition(Received(decoder, parts) == whole, "a stream says the same in any parts")
            for message in whole.messages { self.check(message) }
        default:
            let whole = ReceivedBody([rest])
            precondition(ReceivedBody(parts) == whole, "a body says the same in any parts")
            if let message = whole.message { self.check(message) }
        }
    }

    private static func check(_ message: RaftMessage) {
        let encoded = message.encoded()
        precondition((try? RaftMessage(decoding: encoded).encoded()) == encoded, "a message is read as it was written")
    }

    static func peerSeeds() -> [[UInt8]] {
        var first = RaftMessage(.append, to: 1, from: 2, term: 3)
        (first.logTerm, first.index, first.commit) = (3, 4, 4)
        first.entries = [RaftEntry(term: 3, index: 5, data: [1, 2]), RaftEntry(term: 3, index: 6, data: [])]
        var next = first
        (next.index, next.commit, next.entries) = (6, 6, [RaftEntry(term: 3, index: 7, data: [3])])
        let others = [RaftMessage.linkHeartbeat, first, RaftMessage(.heartbeat, to: 1, from: 2, term: 3), next]
        var (message, append) = ([0 as UInt8], [1 as UInt8])
        var encoder = AppendStreamEncoder()
        for other in others {
            MessageStreamEncoder().encode(other, into: &message)
            encoder.encode(other, into: &append)
        }
        var snapshot = RaftMessage(.snapshot, to: 1, from: 2, term: 3)
        let metadata = RaftSnapshotMetadata(confState: ConfState(voters: [1, 2]), index: 9, term: 3)
        snapshot.snapshot = RaftSnapshot(data: [], metadata: metadata)
        let body = [2] + SnapshotBody.head(snapshot) + [7, 7, 7]
        return [message, append, [6] + message.dropFirst(), [31] + append.dropFirst(), body, [5] + body.dropFirst()]
    }
}

/// What a stream came to.
private struct Received: Equatable {
    var messages: [RaftMessage] = []
    var refusal: PeerStreamError?

    init(_ decoder: some PeerStreamDecoder, _ parts: [ArraySlice<UInt8>]) {
        var decoder = decoder
        do throws(PeerStreamError) {
            for part in parts {
                decoder.receive(part)
                while let message = try decoder.next() { self.messages.append(message) }
            }
            try decoder.finish()
        } catch {
            self.refusal = error
        }
    }
}

/// What a snapshot's body came to.
private struct ReceivedBody: Equatable {
    var message: RaftMessage?
    var database: [UInt8] = []
    var refusal: PeerStreamError?

    init(_ parts: [ArraySlice<UInt8>]) {
        var decoder = SnapshotBodyDecoder(limit: 1 << 16)
        do throws(PeerStreamError) {
            for part in parts {
                for found in try decoder.receive(part) {
                    switch found {
                    case .message(let message):
                        precondition(self.message == nil && self.database.isEmpty, "the message comes first, and once")
                        self.message = message
                    case .database(let bytes): self.database += bytes
                    }
                }
            }
            try decoder.finish()
        } catch {
            self.refusal = error
        }
    }
}
