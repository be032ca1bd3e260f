internal import Bolt
internal import EtcdWire
internal import GRPCServer
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Platform
internal import Store
internal import Synchronization
internal import WriteAheadLog

/// A member's way to the others and theirs to it: listens on its peer URLs, and keeps a ``PeerLink`` to every member it knows.
final class PeerTransport: Sendable {
    let mailbox: Mailbox<MemberMessage>
    private let context: PeerContext
    private let book: PeerBook
    private let files: SnapshotFiles
    private let disk: any Disk
    private let group: any EventLoopGroup
    private let links: NIOLoopBoundBox<[UInt64: PeerLink]>
    private let state = Mutex(State())
    private let uploads = Atomic<UInt64>(0)

    var loop: any EventLoop { self.context.loop }

    private struct State {
        var listeners: [any Channel] = []
        var accepted: [ObjectIdentifier: any Channel] = [:]
        var heartbeats: RepeatedTask?
        var isDown = false
    }

    init(
        _ configuration: MemberConfiguration, _ identity: MemberIdentity, remotes: [ClusterMember], disk: any Disk,
        group: any EventLoopGroup, mailbox: Mailbox<MemberMessage>
    ) {
        guard let version = ReleaseVersion(MemberVersion.server) else { preconditionFailure("our own version is one") }
        let endpoint = PeerEndpoint(clusterID: identity.clusterID, memberID: identity.memberID, version: version)
        let loop = group.next()
        self.mailbox = mailbox
        self.context = PeerContext(
            endpoint: endpoint, advertised: configuration.initialAdvertisePeerURLs, mailbox: mailbox, loop: loop)
        self.book = PeerBook(memberID: identity.memberID, remotes: remotes)
        (self.files, self.disk) = (MemberPlace(configuration, disk).snapshots, disk)
        self.group = group
        self.links = NIOLoopBoundBox.makeBoxSendingValue([:], eventLoop: loop)
    }

    // MARK: Life

    /// Listens on all URLs, or on none and throws. Links are made from now on.
    func start(_ urls: [String]) async throws {
        var listeners: [any Channel] = []
        do {
            for url in urls { listeners.append(try await self.listen(url)) }
        } catch {
            for listener in listeners { try? await listener.close() }
            throw error
        }
        let links = self.links
        let interval = TimeAmount.nanoseconds(PeerContext.readTimeout.nanoseconds / 3)
        let heartbeats = self.context.loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            for link in links.value.values { link.heartbeat() }
        }
        self.state.withLock { ($0.listeners, $0.heartbeats) = (listeners, heartbeats) }
        self.renew()
    }

    private func listen(_ url: String) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: self.group)
            .serverChannelOption(.backlog, value: 128)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // What is under way to a peer that reads slowly; raft holds back long before that.
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 8 << 20, high: 64 << 20))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard self.accept(channel) else { throw ChannelError.ioOnClosedChannel }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(PeerChannel(self))
                }
            }
        switch try MemberURL.address(url) {
        case .tcp(let host, let port):
            return try await bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1).bind(host: host, port: port).get()
        case .unix(let path):
            return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        }
    }

    private func accept(_ channel: any Channel) -> Bool {
        let key = ObjectIdentifier(channel)
        let isWelcome = self.state.withLock { state in
            guard !state.isDown, state.accepted.count < 1000 else { return false }
            state.accepted[key] = channel
            return true
        }
        channel.closeFuture.whenComplete { _ in self.state.withLock { _ = $0.accepted.removeValue(forKey: key) } }
        return isWelcome
    }

    func shutdown() async {
        let state = self.state.withLock { state in
            state.isDown = true
            defer { (state.listeners, state.heartbeats) = ([], nil) }
            return state
        }
        state.heartbeats?.cancel()
        for listener in state.listeners { try? await listener.close() }
        let links = self.links
        try? await self.context.loop.submit {
            for link in links.value.values { link.end() }
            links.value = [:]
        }.get()
        for channel in state.accepted.values { try? await channel.close() }
    }

    // MARK: Who is there

    /// The cluster is now so. Called after each turn that changed it.
    func update(_ store: borrowing Store) {
        self.book.write(store.members, removed: store.removedMembers, clusterVersion: store.clusterVersion)
        self.renew()
    }

    private func renew() {
        let (links, context, book) = (self.links, self.context, self.book)
        let isListening = self.state.withLock { !$0.listeners.isEmpty && !$0.isDown }
        guard isListening else { return }
        context.loop.execute {
            let peers = book.peers()
            for (id, link) in links.value where peers[id].map({ !link.reaches($0) }) ?? true {
                link.end()
                links.value[id] = nil
            }
            for (id, urls) in peers where links.value[id] == nil && !urls.isEmpty {
                links.value[id] = PeerLink(id, urls: urls, context)
            }
        }
    }

    func urls(of member: UInt64) -> [String] { self.book.peers()[member] ?? [] }

    // MARK: Out

    func send(_ messages: [RaftMessage]) {
        let links = self.links
        self.context.loop.execute {
            for (id, part) in Dictionary(grouping: messages, by: \.to) { links.value[id]?.send(part) }
        }
    }

    func send(_ transfer: SnapshotTransfer) {
        let (links, mailbox) = (self.links, self.mailbox)
        self.context.loop.execute {
            if let link = links.value[transfer.message.to] { return link.send(transfer) }
            transfer.database.close()
            mailbox.send(.snapshotSent(transfer.message.to, succeeded: false))
        }
    }

    /// A request to another member, with the headers that members tell each other.
    func request(
        _ method: HTTPMethod, _ member: UInt64, _ path: String, body: [UInt8] = []
    ) -> EventLoopFuture<PeerClient.Answer> {
        guard let url = self.urls(of: member).first else {
            return self.context.loop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        let headers = self.context.headers(to: nil)
        return PeerClient(group: self.context.loop).send(method, url, path, headers: headers, body: body)
    }

    // MARK: In

    func decide(_ request: PeerRequest) -> PeerDecision {
        let page = self.book.read()
        let peers = self.book.peers()
        let decision = self.context.endpoint.decide(
            request, isPeer: { peers[$0] != nil }, isRemoved: { page.removed.contains($0) })
        if let remote = decision.remote, self.book.add(remote) { self.renew() }
        return decision
    }

    func attach(_ kind: PeerStreamKind, _ peer: UInt64, _ channel: any Channel) {
        let links = self.links
        self.context.loop.execute {
            guard let link = links.value[peer] else { return channel.close(promise: nil) }
            link.attach(kind, channel)
        }
    }

    func receiveDatabase(
        _ index: UInt64, took: @escaping @Sendable (Int) -> Void, done: @escaping @Sendable (DiskError?) -> Void
    ) -> SnapshotReceiver {
        let number = self.uploads.add(1, ordering: .relaxed).newValue
        return SnapshotReceiver(index, self.files, self.disk, number: number, took: took, done: done)
    }

    /// Everything but streams and snapshots.
    func answer(_ answer: PeerAnswer, _ body: [UInt8], _ respond: @escaping @Sendable (PeerReply) -> Void) {
        switch answer {
        case .openStream, .receiveSnapshot: break
        case .refuse(let refusal): respond(.refusal(refusal))
        case .receiveMessage: respond(self.receive(body))
        case .probing: respond(.json(PeerHealth(now: SystemClock().now()).json()))
        case .members: respond(.json(PeerMembers.json(self.book.read().members)))
        case .version:
            let version = PeerVersion(
                server: MemberVersion.server, cluster: self.book.read().clusterVersion ?? PeerVersion.notDecided)
            respond(.json(version.json()))
        case .downgradeEnabled: respond(PeerReply(status: 200, body: Array("false".utf8)))
        case .promote, .leases, .leasesInternal, .hashKV:
            if !self.mailbox.send(.peerRequest(answer, body, respond)) { respond(.text(503, "the member is ending")) }
        }
    }

    private func receive(_ body: [UInt8]) -> PeerReply {
        guard let message = try? RaftMessage(decoding: body[...]) else { return .refusal(.malformedMessage) }
        if self.book.read().removed.contains(message.from) { return .refusal(.removedSender) }
        return self.mailbox.send(.peer([message])) ? .noContent : .refusal(.unprocessedMessage)
    }
}
