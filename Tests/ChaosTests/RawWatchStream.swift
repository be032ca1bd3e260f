import EtcdWire
import Glibc
import Platform
import Synchronization
import TestSupport

/// One connection with one `Watch` call, in the bytes of HTTP/2: for as many watches as wanted, and for a client that reads
/// when it is told to, or never.
final class RawWatchStream: Sendable {
    private let socket: Int32
    private let reading = Mutex(Reading())

    /// What came.
    fileprivate struct Reading {
        var frames: [UInt8] = []
        var messages: [UInt8] = []
        var created = 0
        var events = 0
    }

    /// - Parameter readsLittle: Leaves the windows as they are at the beginning: 65,535 bytes, until more is asked for, and
    ///   nothing ever asks. Otherwise they are as large as can be.
    init(to port: Int, readsLittle: Bool = false) throws {
        guard let socket = Sockets.connect(to: port) else { throw TestSupportError("nobody listens on \(port)") }
        self.socket = socket
        var bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
        let most: [UInt8] = [0x7F, 0xFF, 0xFF, 0xFF]
        bytes += readsLittle ? Self.frame(4, []) : Self.frame(4, [0, 4] + most)
        if !readsLittle { bytes += Self.frame(8, [0x7F, 0xFF, 0, 0]) }
        let fields = [
            (":method", "POST"), (":scheme", "http"), (":path", "/etcdserverpb.Watch/Watch"), (":authority", "127.0.0.1"),
            ("content-type", "application/grpc"), ("te", "trailers"),
        ]
        let block = fields.flatMap { name, value -> [UInt8] in
            // Literal, not indexed, not compressed (RFC 7541, 6.2.2).
            [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
        }
        bytes += Self.frame(1, flags: 4, stream: 1, block)
        try self.send(bytes)
    }

    deinit {
        close(self.socket)
    }

    fileprivate static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt8 = 0, _ payload: [UInt8]) -> [UInt8] {
        let length = UInt32(payload.count)
        return [UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags, 0, 0, 0, stream]
            + payload
    }

    private func send(_ bytes: [UInt8]) throws {
        guard Sockets.send(bytes[...], self.socket) else { throw TestSupportError("the connection is gone: errno \(errno)") }
    }

    func watch(_ request: WatchCreateRequest) throws {
        let message = WatchRequest.create(request).encoded()
        let length = UInt32(message.count)
        let prefix = [0, UInt8(length >> 24), UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255)]
        try self.send(Self.frame(0, stream: 1, prefix + message))
    }

    /// Reads until so many watches were created and so many events told, in all.
    func read(created: Int, events: Int) throws {
        try self.reading.withLock { reading in
            var limit = timeval(tv_sec: 20, tv_usec: 0)
            unsafe setsockopt(self.socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            var part = [UInt8](repeating: 0, count: 262_144)
            while reading.created < created || reading.events < events {
                let count = unsafe recv(self.socket, &part, part.count, 0)
                guard count > 0 else {
                    throw TestSupportError(
                        "\(reading.created) of \(created) created, \(reading.events) of \(events) events; errno \(errno)")
                }
                reading.frames += part[..<count]
                for answer in try reading.takeFrames() { try self.send(answer) }
                try reading.takeMessages()
            }
        }
    }
}

extension RawWatchStream.Reading {
    /// - Returns: What is to be sent for them.
    fileprivate mutating func takeFrames() throws -> [[UInt8]] {
        var answers: [[UInt8]] = []
        var start = 0
        while self.frames.count >= start + 9 {
            let head = self.frames[start..<(start + 9)].map { Int($0) }
            let end = start + 9 + (head[0] << 16 | head[1] << 8 | head[2])
            guard self.frames.count >= end else { break }
            let payload = Array(self.frames[(start + 9)..<end])
            switch (head[3], head[4] & 1) {
            case (0, _): self.messages += payload
            case (3, _), (7, _): throw TestSupportError("the stream is ended: \(payload)")
            case (4, 0): answers.append(RawWatchStream.frame(4, flags: 1, []))
            case (6, 0): answers.append(RawWatchStream.frame(6, flags: 1, payload))
            default: break
            }
            start = end
        }
        self.frames.removeFirst(start)
        return answers
    }

    fileprivate mutating func takeMessages() throws {
        var start = 0
        while self.messages.count >= start + 5 {
            let length = self.messages[(start + 1)..<(start + 5)].reduce(0) { $0 << 8 | Int($1) }
            guard self.messages.count >= start + 5 + length else { break }
            let response = try WatchResponse(decoding: Array(self.messages[(start + 5)..<(start + 5 + length)]))
            if response.canceled { throw TestSupportError("canceled: \(response)") }
            if response.created { self.created += 1 }
            self.events += response.events.count
            start += 5 + length
        }
        self.messages.removeFirst(start)
    }
}

/// Runs what blocks on a thread of its own.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        startThread(named: "blocking") { continuation.resume(with: Result { try body() }) }
    }
}
