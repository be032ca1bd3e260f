import Glibc
import Platform
import Synchronization
import TestSupport

/// Stands before a port on 127.0.0.1, passes on every byte both ways, and keeps a copy.
final class Recorder: Sendable {
    /// What went over one connection.
    struct Conversation: Sendable {
        /// From the one who connected.
        var requests: [UInt8] = []
        /// From the one behind.
        var answers: [UInt8] = []
    }

    /// Where it listens.
    let port: Int
    private let target: Int
    private let listener: Int32
    /// Closed to have the thread end: its read end wakes the poll.
    private let alarm: Int32
    private let state = Mutex(State())

    private struct State {
        var conversations: [Conversation] = []
        var hasEnded = false
    }

    /// Two sockets between which bytes are passed on.
    private struct Link {
        var client: Int32
        var server: Int32
        var number: Int
    }

    var url: String { "http://127.0.0.1:\(self.port)" }
    var conversations: [Conversation] { self.state.withLock { $0.conversations } }

    init(before target: Int) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw TestSupportError("socket: errno \(errno)") }
        var address = Self.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard unsafe bind(listener, pointer, length) == 0, listen(listener, 64) == 0 else { return Int32(-1) }
                return unsafe getsockname(listener, pointer, &length)
            }
        }
        var ends: [Int32] = [0, 0]
        guard result == 0, unsafe pipe(&ends) == 0 else { throw TestSupportError("listen: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        self.listener = listener
        self.alarm = ends[1]
        self.port = Int(UInt16(bigEndian: address.sin_port))
        self.target = target
        let wake = ends[0]
        startThread(named: "recorder") { [self] in self.run(wake) }
    }

    /// Closes every connection and waits until nothing runs any more.
    func stop() async throws {
        Glibc.close(self.alarm)
        try await poll(within: .seconds(10), "the recorder ends") { self.state.withLock { $0.hasEnded } ? () : nil }
    }

    private func run(_ wake: Int32) {
        var links: [Link] = []
        var isRunning = true
        while isRunning {
            var waits = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
            waits.append(pollfd(fd: self.listener, events: Int16(POLLIN), revents: 0))
            for link in links {
                waits.append(pollfd(fd: link.client, events: Int16(POLLIN), revents: 0))
                waits.append(pollfd(fd: link.server, events: Int16(POLLIN), revents: 0))
            }
            guard unsafe Glibc.poll(&waits, nfds_t(waits.count), -1) > 0 else { continue }
            isRunning = waits[0].revents == 0
            links = links.enumerated().filter { index, link in
                self.passOn(link, client: waits[2 + 2 * index].revents != 0, server: waits[3 + 2 * index].revents != 0)
            }.map(\.element)
            if waits[1].revents != 0, let link = self.accept() { links.append(link) }
        }
        for link in links { Self.close(link) }
        Glibc.close(self.listener)
        Glibc.close(wake)
        self.state.withLock { $0.hasEnded = true }
    }

    private func accept() -> Link? {
        let client = Glibc.accept(self.listener, nil, nil)
        guard client >= 0 else { return nil }
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = Self.address(port: self.target)
        let connected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe connect(server, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else {
            // The member does not run yet, or any more: whoever asks is to see just that.
            Glibc.close(client)
            Glibc.close(server)
            return nil
        }
        let number = self.state.withLock { state in
            state.conversations.append(Conversation())
            return state.conversations.count - 1
        }
        return Link(client: client, server: server, number: number)
    }

    /// Passes on what there is; false once a side has closed.
    private func passOn(_ link: Link, client: Bool, server: Bool) -> Bool {
        let isOpen =
            (!client || self.passOn(from: link.client, to: link.server) { $0[link.number].requests += $1 })
            && (!server || self.passOn(from: link.server, to: link.client) { $0[link.number].answers += $1 })
        if !isOpen { Self.close(link) }
        return isOpen
    }

    private func passOn(
        from source: Int32, to target: Int32, record: (inout [Conversation], ArraySlice<UInt8>) -> Void
    ) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe recv(source, &buffer, buffer.count, 0)
        guard count > 0 else { return false }
        self.state.withLock { record(&$0.conversations, buffer[..<count]) }
        var sent = 0
        while sent < count {
            let rest = Array(buffer[sent..<count])
            let written = unsafe send(target, rest, rest.count, Int32(MSG_NOSIGNAL))
            guard written > 0 else { return false }
            sent += written
        }
        return true
    }

    private static func close(_ link: Link) {
        Glibc.close(link.client)
        Glibc.close(link.server)
    }

    private static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
