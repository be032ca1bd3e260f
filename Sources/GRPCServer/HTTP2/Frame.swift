internal import NIOCore

/// The parts of a frame (RFC 9113, 4.1 and 6).
enum Frame {
    static let headerSize = 9
    /// What a peer may send, and what we may send until the peer allows more.
    static let defaultMaxSize = 16_384
    static let maxWindow = 0x7FFF_FFFF
    static let defaultWindow = 65_535
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// Known types; any other is ignored.
    enum Kind: UInt8 {
        case data = 0
        case headers, priority, rstStream, settings, pushPromise, ping, goAway, windowUpdate, continuation
    }

    struct Flags: OptionSet {
        let rawValue: UInt8

        static let endStream = Flags(rawValue: 0x1)
        static let ack = Flags(rawValue: 0x1)
        static let endHeaders = Flags(rawValue: 0x4)
        static let padded = Flags(rawValue: 0x8)
        static let priority = Flags(rawValue: 0x20)
    }

    struct Header {
        var length: Int
        /// Raw: it may be one that is not known.
        var type: UInt8
        var flags: Flags
        var stream: UInt32

        /// The header of the frame at the reader's place; nil when it is not whole yet.
        init?(_ bytes: ByteBuffer) {
            let start = bytes.readerIndex
            guard bytes.readableBytes >= Frame.headerSize, let word = bytes.getInteger(at: start, as: UInt32.self),
                let flags = bytes.getInteger(at: start + 4, as: UInt8.self),
                let stream = bytes.getInteger(at: start + 5, as: UInt32.self)
            else { return nil }
            self.length = Int(word >> 8)
            self.type = UInt8(truncatingIfNeeded: word)
            self.flags = Flags(rawValue: flags)
            self.stream = stream & 0x7FFF_FFFF
        }
    }

    /// Settings that mean something to a server.
    enum Setting: UInt16 {
        case headerTableSize = 1
        case enablePush, maxConcurrentStreams, initialWindowSize, maxFrameSize, maxHeaderListSize
        case noPriorities = 9
    }
}

extension ByteBuffer {
    mutating func writeFrameHeader(_ kind: Frame.Kind, _ flags: Frame.Flags, stream: UInt32, length: Int) {
        self.writeInteger(UInt32(truncatingIfNeeded: length) << 8 | UInt32(kind.rawValue))
        self.writeInteger(flags.rawValue)
        self.writeInteger(stream)
    }

    mutating func writeReset(_ stream: UInt32, _ code: HTTP2ErrorCode) {
        self.writeFrameHeader(.rstStream, [], stream: stream, length: 4)
        self.writeInteger(code.rawValue)
    }

    mutating func writeWindowUpdate(_ stream: UInt32, _ increment: Int) {
        self.writeFrameHeader(.windowUpdate, [], stream: stream, length: 4)
        self.writeInteger(UInt32(truncatingIfNeeded: increment))
    }

    mutating func writeGoAway(lastStream: UInt32, _ code: HTTP2ErrorCode, _ reason: String) {
        self.writeFrameHeader(.goAway, [], stream: 0, length: 8 + reason.utf8.count)
        self.writeInteger(lastStream)
        self.writeInteger(code.rawValue)
        self.writeString(reason)
    }

    mutating func writePing(_ payload: UInt64, isAck: Bool) {
        self.writeFrameHeader(.ping, isAck ? .ack : [], stream: 0, length: 8)
        self.writeInteger(payload)
    }

    mutating func writeSettings(_ settings: [(Frame.Setting, Int)]) {
        self.writeFrameHeader(.settings, [], stream: 0, length: 6 * settings.count)
        for (setting, value) in settings {
            self.writeInteger(setting.rawValue)
            self.writeInteger(UInt32(truncatingIfNeeded: value))
        }
    }

    /// A header block as one HEADERS frame, and as many CONTINUATION frames as it takes.
    mutating func writeHeaders(_ block: [UInt8], stream: UInt32, endStream: Bool, maxFrameSize: Int) {
        if block.count <= maxFrameSize {
            let flags: Frame.Flags = endStream ? [.endHeaders, .endStream] : .endHeaders
            self.writeFrameHeader(.headers, flags, stream: stream, length: block.count)
            self.writeBytes(block)
            return
        }
        var rest = block[...]
        var isFirst = true
        repeat {
            let part = rest.prefix(maxFrameSize)
            rest = rest.dropFirst(part.count)
            var flags: Frame.Flags = rest.isEmpty ? .endHeaders : []
            if isFirst && endStream { flags.insert(.endStream) }
            self.writeFrameHeader(isFirst ? .headers : .continuation, flags, stream: stream, length: part.count)
            self.writeBytes(part)
            isFirst = false
        } while !rest.isEmpty
    }
}
