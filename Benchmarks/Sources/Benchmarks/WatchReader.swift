internal import EtcdWire
internal import Foundation
internal import Synchronization

/// One connection with one `Watch` call and many watches in it: counts the events that come, and looks no further, so that
/// what is measured is the server.
final class WatchReader: Sendable {
    private let socket: Int32
    private let counts = Mutex((created: 0, events: 0, isOpen: true))

    /// - Throws: ``Failure`` where nobody listens.
    init(port: Int, watches: Int, of key: [UInt8]) throws {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe connect(socket, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure("nobody listens on \(port): errno \(errno)") }
        self.socket = socket
        let fields = [
            (":method", "POST"), (":scheme", "http"), (":path", "/etcdserverpb.Watch/Watch"), (":authority", "127.0.0.1"),
            ("content-type", "application/grpc"), ("te", "trailers"),
        ]
        // Literal, not indexed, not compressed (RFC 7541, 6.2.2).
        let block = fields.flatMap { name, value -> [UInt8] in
            [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
        }
        var bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
        bytes += Self.frame(4, [0, 4, 0x7F, 0xFF, 0xFF, 0xFF])
        bytes += Self.frame(8, [0x7F, 0xFF, 0, 0])
        bytes += Self.frame(1, flags: 4, stream: 1, block)
        let request = gRPCFrame(WatchRequest.create(WatchCreateRequest(key: key)).encoded())
        for _ in 0..<watches { bytes += Self.frame(0, stream: 1, request) }
        try self.send(bytes)
        Thread.detachNewThread { [self] in self.read() }
    }

    deinit {
        Glibc.close(self.socket)
    }

    /// Ends the connection.
    func end() {
        shutdown(self.socket, Int32(SHUT_RDWR))
    }

    var created: Int { self.counts.withLock { $0.created } }
    /// Events told since the beginning, to all of its watches.
    var events: Int { self.counts.withLock { $0.events } }
    var isOpen: Bool { self.counts.withLock { $0.isOpen } }

    private static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt8 = 0, _ payload: [UInt8]) -> [UInt8] {
        let length = UInt32(payload.count)
        return [UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags, 0, 0, 0, stream]
            + payload
    }

    private func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { bytes in
                unsafe Glibc.send(self.socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure("the connection is gone: errno \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    private func read() {
        var (frames, messages): ([UInt8], [UInt8]) = ([], [])
        var part = [UInt8](repeating: 0, count: 262_144)
        var unread = 0
        while true {
            let count = unsafe recv(self.socket, &part, part.count, 0)
            guard count > 0 else { break }
            frames += part[..<count]
            guard let data = try? self.takeFrames(&frames, into: &messages) else { break }
            let told = Self.takeMessages(&messages)
            self.counts.withLock {
                $0.created += told.created
                $0.events += told.events
            }
            unread += data
            // The windows, of 2^31 - 1 bytes at the beginning, are opened again by what was read.
            guard unread > 1 << 28 else { continue }
            let step = (0..<4).map { UInt8(truncatingIfNeeded: unread >> (24 - 8 * $0)) }
            guard (try? self.send(Self.frame(8, step) + Self.frame(8, stream: 1, step))) != nil else { break }
            unread = 0
        }
        self.counts.withLock { $0.isOpen = false }
    }

    /// Moves the payloads of whole DATA frames over, and answers SETTINGS and PING. Returns the bytes of data.
    private func takeFrames(_ frames: inout [UInt8], into messages: inout [UInt8]) throws -> Int {
        var (start, data) = (0, 0)
        while frames.count >= start + 9 {
            let length = Int(frames[start]) << 16 | Int(frames[start + 1]) << 8 | Int(frames[start + 2])
            let (payload, end) = (start + 9, start + 9 + length)
            guard frames.count >= end else { break }
            switch (frames[start + 3], frames[start + 4] & 1) {
            case (0, _):
                messages += frames[payload..<end]
                data += length
            case (3, _), (7, _): throw Failure("the stream is ended")
            case (4, 0): try self.send(Self.frame(4, flags: 1, []))
            case (6, 0): try self.send(Self.frame(6, flags: 1, Array(frames[payload..<end])))
            default: break
            }
            start = end
        }
        frames.removeFirst(start)
        return data
    }

    /// Counts what whole messages tell: field 3 of a `WatchResponse` says that a watch was created, field 11 is an event.
    private static func takeMessages(_ messages: inout [UInt8]) -> (created: Int, events: Int) {
        var (start, created, events) = (0, 0, 0)
        while messages.count >= start + 5 {
            let length = messages[(start + 1)..<(start + 5)].reduce(0) { $0 << 8 | Int($1) }
            let end = start + 5 + length
            guard messages.count >= end else { break }
            var at = start + 5
            while at < end {
                let tag = messages[at]
                at += 1
                var (value, shift) = (0, 0)
                while at < end {
                    let byte = messages[at]
                    at += 1
                    value |= Int(byte & 0x7F) << shift
                    shift += 7
                    if byte < 0x80 { break }
                }
                if tag & 7 == 2 { at += value }
                if tag == 3 << 3 { created += value }
                if tag == 11 << 3 | 2 { events += 1 }
            }
            start = end
        }
        messages.removeFirst(start)
        return (created, events)
    }
}
