import Glibc
import Platform
import Synchronization
import TestSupport

/// The network in front of one member's peer port: the others reach it only through here. What it lets through depends on who
/// sends, which the head of each connection's first request tells.
final class PeerProxy: Sendable {
    /// What becomes of bytes between two members.
    enum Rule: Sendable {
        /// Connections end, and new ones do as well.
        case cut
        /// Nothing arrives, in either direction, until that is over; connections stay.
        case stalled
        /// Everything arrives so much later, a piece at a time.
        case delayed(milliseconds: UInt32)
    }

    /// Where the others find the member.
    let port: Int
    private let listener: Int32
    private let state: Mutex<State>

    private struct State {
        /// By the id of who sends, as it writes it; `everyone` besides.
        var rules: [String: Rule] = [:]
        var everyone: Rule?
        var links: [ObjectIdentifier: Link] = [:]
        var isOver = false

        func rule(for source: String?) -> Rule? {
            if let everyone { return everyone }
            return source.flatMap { self.rules[$0] }
        }
    }

    var url: String { "http://127.0.0.1:\(self.port)" }

    /// - Parameter target: The port on which the member listens.
    init(to target: Int) throws {
        (self.listener, self.port) = try Sockets.listen()
        self.state = Mutex(State())
        startThread(named: "proxy") { [weak self, listener = self.listener] in
            while true {
                let client = accept(listener, nil, nil)
                if client < 0, errno == EINTR || errno == ECONNABORTED { continue }
                guard client >= 0, let self else { break }
                self.accepted(client, target)
            }
            Glibc.close(listener)
        }
    }

    deinit {
        self.close()
    }

    func close() {
        let links = self.state.withLock { state in
            let links = state.isOver ? [] : Array(state.links.values)
            if !state.isOver { shutdown(self.listener, Int32(SHUT_RDWR)) }
            state.isOver = true
            return links
        }
        for link in links { link.end() }
    }

    /// - Parameter source: A member's id as it signs its requests; nil for all.
    func set(_ rule: Rule?, from source: String?) {
        let links = self.state.withLock { state in
            if let source { state.rules[source] = rule } else { state.everyone = rule }
            guard case .cut? = rule else { return [Link]() }
            return state.links.values.filter { source == nil || $0.source == source }
        }
        for link in links { link.end() }
    }

    private func accepted(_ client: Int32, _ target: Int) {
        let isOpen = self.state.withLock { state in
            if case .cut? = state.everyone { return false }
            return !state.isOver
        }
        guard isOpen, let server = Sockets.connect(to: target) else {
            Glibc.close(client)
            return
        }
        let link = Link(client, server)
        self.state.withLock { $0.links[ObjectIdentifier(link)] = link }
        startThread(named: "to member") { [self] in self.carry(link, isRequest: true) }
        startThread(named: "from member") { [self] in self.carry(link, isRequest: false) }
    }

    private func carry(_ link: Link, isRequest: Bool) {
        let (from, to) = isRequest ? (link.client, link.server) : (link.server, link.client)
        var head: [UInt8]? = isRequest ? [] : nil
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe recv(from, &part, part.count, 0)
            guard count > 0 else { break }
            if head != nil {
                head? += part[..<count]
                if link.sniff(head ?? []) { head = nil }
            }
            guard self.passes(link), Sockets.send(part[..<count], to) else { break }
        }
        link.end()
        _ = self.state.withLock { $0.links.removeValue(forKey: ObjectIdentifier(link)) }
    }

    /// Waits as the rule for a connection has it; false once it is cut.
    private func passes(_ link: Link) -> Bool {
        while true {
            let (rule, isOver) = self.state.withLock { ($0.rule(for: link.source), $0.isOver) }
            guard !isOver, !link.hasEnded else { return false }
            switch rule {
            case nil: return true
            case .cut?: return false
            case .delayed(let milliseconds)?:
                usleep(milliseconds * 1000)
                return true
            case .stalled?: usleep(2000)
            }
        }
    }
}

/// A connection through the proxy. Its sockets are closed when nobody uses it any more.
private final class Link: Sendable {
    let client: Int32
    let server: Int32
    private let state = Mutex((source: String?.none, hasEnded: false))

    init(_ client: Int32, _ server: Int32) {
        (self.client, self.server) = (client, server)
    }

    deinit {
        close(self.client)
        close(self.server)
    }

    var source: String? { self.state.withLock { $0.source } }
    var hasEnded: Bool { self.state.withLock { $0.hasEnded } }

    /// Notes who sends; whether the head of the request is all there.
    func sniff(_ head: [UInt8]) -> Bool {
        guard let end = head.firstRange(of: Array("\r\n\r\n".utf8)) else { return head.count > 65_536 }
        for line in String(decoding: head[..<end.lowerBound], as: UTF8.self).lowercased().split(separator: "\r\n") {
            guard line.hasPrefix("x-server-from:") else { continue }
            let source = String(line.dropFirst(14).drop { $0 == " " })
            self.state.withLock { $0.source = source }
        }
        return true
    }

    func end() {
        self.state.withLock { $0.hasEnded = true }
        shutdown(self.client, Int32(SHUT_RDWR))
        shutdown(self.server, Int32(SHUT_RDWR))
    }
}
