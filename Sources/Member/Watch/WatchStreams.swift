package import EtcdWire
internal import Store

/// Names one client's watch stream. Whoever opens it chooses the number; it is used again only after it was closed.
package struct StreamID: Hashable, Comparable, Sendable {
    package var raw: UInt64

    package init(raw: UInt64) { self.raw = raw }

    package static func < (one: StreamID, other: StreamID) -> Bool { one.raw < other.raw }
}

/// The watch streams of a member: each client names the watches of its stream as it likes, the store names them all apart.
///
/// A stream whose client does not keep up is paused: its watches cost nothing meanwhile, and read what they missed from
/// history later. Behaviour as in etcd's `Watch` service, see its `rpc.proto`.
package struct WatchStreams {
    /// What to send, and on which stream.
    package struct Message: Sendable {
        package var stream: StreamID
        package var response: WatchResponse
    }

    private struct Watch {
        let stream: StreamID
        /// As the client knows it.
        let id: Int64
        let fragments: Bool
        let progressNotify: Bool
        /// Whether nothing was sent since progress was last told.
        var isQuiet = true
    }

    private struct Stream {
        /// The client's ids, and the store's.
        var watches: [Int64: Int64] = [:]
        var nextID: Int64 = 0
        var isPaused = false
        /// Whether the client waits to hear how far the stream is.
        var wantsProgress = false
    }

    /// Looked up, and iterated in order only.
    private var streams: [StreamID: Stream] = [:]
    /// By the store's id. Looked up, and iterated in order only.
    private var watches: [Int64: Watch] = [:]
    /// Streams that wait for their progress, in the order in which they asked.
    private var asking: [StreamID] = []
    private var nextProgress: Duration?
    private let progressInterval: Duration
    /// Bytes of a response over which it is sent in fragments, where the client allows it.
    private let fragmentBytes: Int

    init(progressInterval: Duration, fragmentBytes: Int) {
        (self.progressInterval, self.fragmentBytes) = (progressInterval, fragmentBytes)
    }

    mutating func open(_ stream: StreamID) {
        precondition(self.streams[stream] == nil, "stream \(stream.raw) opened twice")
        self.streams[stream] = Stream()
    }

    /// Ends a stream and its watches. Nothing is sent on it any more.
    mutating func close(_ stream: StreamID, _ store: inout Store) {
        guard let closed = self.streams.removeValue(forKey: stream) else { return }
        for id in closed.watches.values.sorted() {
            self.watches[id] = nil
            _ = store.cancelWatch(id)
        }
    }

    /// Every open stream, in order.
    var all: [StreamID] { self.streams.keys.sorted() }

    mutating func receive(_ request: WatchRequest, on stream: StreamID, _ store: inout Store) -> [Message] {
        guard self.streams[stream] != nil else { return [] }
        switch request {
        case .create(let create): return [Message(stream: stream, response: self.create(create, stream, &store))]
        case .cancel(let cancel): return self.cancel(cancel.watchID, stream, &store)
        case .progress:
            guard self.streams[stream]?.wantsProgress == false else { return [] }
            self.streams[stream]?.wantsProgress = true
            self.asking.append(stream)
            return self.answerAsking(store)
        }
    }

    private mutating func create(_ request: WatchCreateRequest, _ stream: StreamID, _ store: inout Store) -> WatchResponse {
        guard var opened = self.streams[stream] else { preconditionFailure("stream \(stream.raw) is not open") }
        var id = request.watchID
        if id == 0 {
            while opened.watches[opened.nextID] != nil { opened.nextID += 1 }
            id = opened.nextID
            opened.nextID += 1
        } else if opened.watches[id] != nil {
            return WatchResponse(
                header: store.header, watchID: -1, created: true, canceled: true,
                cancelReason: "mvcc: duplicate watch ID provided on the WatchStream")
        }
        var wanted = request
        wanted.watchID = 0
        var response = store.createWatch(wanted)
        guard !response.canceled else { return response }
        opened.watches[id] = response.watchID
        self.streams[stream] = opened
        self.watches[response.watchID] = Watch(
            stream: stream, id: id, fragments: request.fragment, progressNotify: request.progressNotify)
        if opened.isPaused { store.pauseWatch(response.watchID) }
        response.watchID = id
        return response
    }

    private mutating func cancel(_ id: Int64, _ stream: StreamID, _ store: inout Store) -> [Message] {
        guard let name = self.streams[stream]?.watches.removeValue(forKey: id) else { return [] }
        self.watches[name] = nil
        guard var response = store.cancelWatch(name) else { return [] }
        response.watchID = id
        return [Message(stream: stream, response: response)]
    }

    // MARK: Telling

    /// Takes what the store has to tell. To be called again while the store has more.
    mutating func take(_ store: inout Store) throws(StoreError) -> [Message] {
        var messages: [Message] = []
        for var response in try store.nextWatchResponses() {
            guard let index = self.watches.index(forKey: response.watchID) else { continue }
            let watch = self.watches.values[index]
            if watch.isQuiet { self.watches.values[index].isQuiet = false }
            if response.canceled {
                self.watches[response.watchID] = nil
                self.streams[watch.stream]?.watches[watch.id] = nil
            }
            response.watchID = watch.id
            guard watch.fragments else {
                messages.append(Message(stream: watch.stream, response: response))
                continue
            }
            for part in response.fragments(of: self.fragmentBytes) {
                messages.append(Message(stream: watch.stream, response: part))
            }
        }
        return messages + self.answerAsking(store)
    }

    /// A stream hears how far it is once each of its watches has been told everything.
    private mutating func answerAsking(_ store: borrowing Store) -> [Message] {
        guard !self.asking.isEmpty else { return [] }
        var (messages, waiting): ([Message], [StreamID]) = ([], [])
        for name in self.asking {
            guard let stream = self.streams[name] else { continue }
            guard !stream.isPaused, stream.watches.values.allSatisfy({ store.watchProgress($0) != nil }) else {
                waiting.append(name)
                continue
            }
            self.streams[name]?.wantsProgress = false
            messages.append(Message(stream: name, response: WatchResponse(header: store.header, watchID: -1)))
        }
        self.asking = waiting
        return messages
    }

    /// Tells watches that asked for it, and heard nothing for a while, how far they are.
    mutating func tick(_ store: borrowing Store, uptime: Duration) -> [Message] {
        guard let due = self.nextProgress else {
            self.nextProgress = uptime + self.progressInterval
            return []
        }
        guard uptime >= due else { return [] }
        self.nextProgress = uptime + self.progressInterval
        var messages: [Message] = []
        for name in self.watches.keys.sorted() {
            guard let watch = self.watches[name], watch.progressNotify else { continue }
            if watch.isQuiet, var response = store.watchProgress(name) {
                response.watchID = watch.id
                messages.append(Message(stream: watch.stream, response: response))
            }
            self.watches[name]?.isQuiet = true
        }
        return messages
    }

    // MARK: Clients that do not keep up

    mutating func pause(_ stream: StreamID, _ store: inout Store) {
        guard let opened = self.streams[stream], !opened.isPaused else { return }
        self.streams[stream]?.isPaused = true
        for name in opened.watches.values.sorted() { store.pauseWatch(name) }
    }

    mutating func resume(_ stream: StreamID, _ store: inout Store) {
        guard let opened = self.streams[stream], opened.isPaused else { return }
        self.streams[stream]?.isPaused = false
        for name in opened.watches.values.sorted() { store.resumeWatch(name) }
    }
}

extension WatchResponse {
    /// The response in parts of at most about `limit` bytes each, all but the last marked as fragments. An event alone is
    /// never cut.
    func fragments(of limit: Int) -> [WatchResponse] {
        var sizes = 0
        guard self.events.count > 1 else { return [self] }
        var parts: [WatchResponse] = []
        var part = self
        part.events = []
        for event in self.events {
            let size =
                event.kv.key.count + event.kv.value.count + (event.prevKv.map { $0.key.count + $0.value.count } ?? 0) + 64
            if sizes + size > limit, !part.events.isEmpty {
                part.fragment = true
                parts.append(part)
                part.events = []
                sizes = 0
            }
            part.events.append(event)
            sizes += size
        }
        part.fragment = false
        parts.append(part)
        return parts
    }
}
