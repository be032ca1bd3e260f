internal import EtcdWire
internal import GRPCCore

/// Hands EtcdWire's messages to gRPC.
struct WireSerializer<Message: WireMessage>: MessageSerializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: Message) throws -> Bytes {
        Bytes(message.encoded())
    }
}

/// Makes EtcdWire's messages of the bytes gRPC received.
struct WireDeserializer<Message: WireMessage>: MessageDeserializer {
    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Message {
        try Message(decoding: unsafe bytes.withUnsafeBytes { buffer in unsafe [UInt8](buffer) })
    }
}
