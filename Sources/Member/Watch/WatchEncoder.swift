internal import EtcdWire
internal import Platform

/// Writes watch responses, and what many of them tell alike only once.
struct WatchEncoder {
    private var events: [WatchEvent] = []
    /// Of `events`.
    private var bytes: [UInt8] = []

    /// The response in two parts, to be sent one after the other.
    mutating func encode(_ response: WatchResponse) -> (head: [UInt8], events: [UInt8]) {
        guard !response.events.isEmpty else { return (response.encoded(), []) }
        // What is kept here keeps its storage: no other list can be where it is.
        if response.events.storage != self.events.storage || response.events.count != self.events.count {
            var writer = ProtoWriter()
            WatchResponse.encode(response.events, into: &writer)
            (self.events, self.bytes) = (response.events, writer.bytes)
        }
        var head = response
        head.events = []
        return (head.encoded(), self.bytes)
    }
}
