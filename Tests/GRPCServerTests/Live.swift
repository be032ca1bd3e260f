import Glibc
import GRPCServer
import NIOCore
import NIOHTTP1
import NIOPosix
import Platform
import Synchronization
import TestSupport

/// A client with a socket of its own, that reads and writes frames by hand. It blocks, for seconds at most.
final class RawClient {
    private let socket: Int32
    private var reader = FrameReader()
    private(set) var isClosed = false

    /// - Parameter receiveBuffer: Bytes that the kernel holds for a client that does not read.
    init(port: Int, greets: Bool = true, receiveBuffer: Int32? = nil) throws {
        self.socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        if var size = receiveBuffer { unsafe setsockopt(self.socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(4)) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        try self.connect(&address, greets)
    }

    init(unix path: String) throws {
        self.socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        try self.connect(&address, true)
    }

    deinit {
        close(self.socket)
    }

    private func connect<Address>(_ address: inout Address, _ greets: Bool) throws {
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(self.socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        unsafe setsockopt(self.socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let size = socklen_t(MemoryLayout<Address>.size)
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe Glibc.connect(self.socket, $0, size) }
        }
        guard result == 0 else { throw TestSupportError("connect: errno \(errno)") }
        if greets { self.send(Client.hello) }
    }

    /// Sends, unless the server has closed.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { bytes in
                unsafe Glibc.send(self.socket, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    func send(_ frames: WireFrame...) {
        self.send(Array(frames.map(\.bytes).joined()))
    }

    /// Bytes as they come; none at the end.
    func receive() -> [UInt8] {
        var part = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe recv(self.socket, &part, part.count, 0)
        if count <= 0 { self.isClosed = true }
        return Array(part.prefix(max(0, count)))
    }

    /// The next frame; nil at the end of the connection, or when nothing comes.
    func frame() -> WireFrame? {
        while true {
            if let frame = self.reader.next() { return frame }
            let bytes = self.receive()
            if bytes.isEmpty { return nil }
            self.reader.append(bytes)
        }
    }

    /// Frames up to and with the one asked for.
    func frames(until isLast: (WireFrame) -> Bool) -> [WireFrame] {
        var frames: [WireFrame] = []
        while let frame = self.frame() {
            frames.append(frame)
            if isLast(frame) { break }
        }
        return frames
    }

    /// The frames of a stream, up to its end.
    func answer(_ stream: UInt32) -> [WireFrame] {
        self.frames { $0.stream == stream && ($0.flags & 1 != 0 && $0.type <= 1 || $0.type == 3) }.filter {
            $0.stream == stream
        }
    }

    func call(_ path: String, _ message: [UInt8], stream: UInt32 = 1) -> [WireFrame] {
        self.send(.headers(stream, Client.request(path)))
        var bytes = Client.message(message)[...]
        while bytes.count > 16_384 {
            self.send(.data(stream, Array(bytes.prefix(16_384))))
            bytes = bytes.dropFirst(16_384)
        }
        self.send(.data(stream, Array(bytes), end: true))
        return self.answer(stream)
    }
}

/// A server under test, and what its methods need of it.
final class LiveServer: Sendable {
    /// Unary calls that are answered by a thread of their own.
    let deferred = Mailbox<(CallID, [UInt8])>()
    let journal = Journal()
    private let running = Mutex<GRPCServer?>(nil)
    private let streams = Mutex<[StreamCall]>([])
    private let contexts = Mutex<[CallContext]>([])

    var server: GRPCServer {
        guard let server = self.running.withLock({ $0 }) else { preconditionFailure("the server is not started") }
        return server
    }

    var openStreams: [StreamCall] { self.streams.withLock { $0 } }
    var lastContext: CallContext? { self.contexts.withLock { $0.last } }

    func send(_ fill: (inout ReplyBatch) -> Void) {
        var batch = ReplyBatch()
        fill(&batch)
        self.server.send(batch)
    }

    private func methods() -> MethodTable {
        var table = MethodTable()
        table.unary("/test.Live/Echo") { request, call in
            self.contexts.withLock { $0.append(call) }
            return .message(request.array)
        }
        table.unary("/test.Live/Deferred") { request, call in
            self.deferred.send((call.id, request.array))
            return .deferred
        }
        table.unary("/test.Live/Never") { _, call in
            self.contexts.withLock { $0.append(call) }
            return .deferred
        }
        table.bidirectional("/test.Live/Stream") { call in
            self.streams.withLock { $0.append(call) }
            return EchoStream(call, self)
        }
        table.serverStream("/test.Live/Flood") { call in
            self.streams.withLock { $0.append(call) }
            return NotingStream(call, self.journal)
        }
        table.unaryCancelled = { _ in self.journal.note("cancelled") }
        return table
    }

    /// Runs a test against a server on a free port of 127.0.0.1, and ends it.
    static func run(
        _ limits: GRPCServerConfiguration.Limits = .init(), unix: String? = nil, more: (inout MethodTable) -> Void = { _ in },
        http1: @escaping HTTP1Handler = { _, respond in respond(HTTP1Response(.notFound)) },
        _ body: (_ live: LiveServer, _ port: Int) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        var configuration = GRPCServerConfiguration(addresses: [
            unix.map { .unix(path: $0) } ?? .tcp(host: "127.0.0.1", port: 0)
        ])
        configuration.limits = limits
        let live = LiveServer()
        var methods = live.methods()
        more(&methods)
        let server = GRPCServer(configuration: configuration, methods: methods, group: group, http1: http1)
        live.running.withLock { $0 = server }
        startThread(named: "replies") {
            while let calls = live.deferred.take() {
                live.send { batch in for (call, message) in calls { batch.reply(call, message) } }
            }
        }
        do {
            let addresses = try await server.start()
            try await body(live, addresses.first?.port ?? 0)
        } catch {
            await live.end(group)
            throw error
        }
        await live.end(group)
    }

    private func end(_ group: MultiThreadedEventLoopGroup) async {
        await self.server.shutdown(grace: .zero)
        self.deferred.close()
        self.running.withLock { $0 = nil }
        try? await group.shutdownGracefully()
    }
}

/// Sends back each message, and ends when its client does.
private final class EchoStream: StreamHandler {
    private let call: StreamCall
    private let live: LiveServer

    init(_ call: StreamCall, _ live: LiveServer) {
        (self.call, self.live) = (call, live)
    }

    func received(_ message: RawSpan) -> StreamDemand {
        let bytes = message.array
        self.live.send { $0.message(self.call, bytes) }
        return .more
    }

    func receivedEnd() {
        self.live.send { $0.finish(self.call.id, .ok) }
    }

    func becameWritable() {}

    func closed(_ end: StreamEnd) {
        self.live.journal.note("closed \(end)")
    }
}
