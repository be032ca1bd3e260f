internal import NIOCore
internal import NIOHPACK

/// Turns header blocks into requests, and remembers those blocks that say the same each time.
///
/// A block that only refers to tables, or has its values in it, leaves the decoder as it was; until a block changes the
/// dynamic table it means the same again. Clients send the same few blocks for nearly all of their calls.
struct HeaderDecoder {
    private struct Known {
        var block: ByteBuffer
        var head: RequestHead
    }

    private static let maxKnown = 8
    private static let maxKnownSize = 512

    private var decoder: HPACKDecoder
    private var known: [Known] = []
    private let routes: [String: Int]
    private let maxFields: Int

    /// - Parameter routes: The number of each path that is served.
    init(routes: [String: Int], maxListSize: Int, maxFields: Int) {
        self.decoder = HPACKDecoder(
            allocator: ByteBufferAllocator(), maxDynamicTableSize: HPACKDecoder.maxDynamicTableSize,
            maxHeaderListSize: maxListSize)
        self.routes = routes
        self.maxFields = maxFields
    }

    /// A block that begins a request.
    /// - Throws: What ends the connection: the state that the next block needs is lost.
    mutating func request(_ block: ByteBuffer) throws(HTTP2Error) -> Result<RequestHead, RequestHead.Malformed> {
        if let known = self.known.first(where: { $0.block == block }) { return .success(known.head) }
        let headers = try self.decode(block)
        do throws(RequestHead.Malformed) {
            let head = try RequestHead(headers, routes: self.routes, maxFields: self.maxFields)
            self.learn(block, head)
            return .success(head)
        } catch {
            return .failure(error)
        }
    }

    /// A block that ends a request.
    mutating func trailers(_ block: ByteBuffer) throws(HTTP2Error) -> Result<Void, RequestHead.Malformed> {
        let headers = try self.decode(block)
        do throws(RequestHead.Malformed) {
            return .success(try RequestHead.checkTrailers(headers, maxFields: self.maxFields))
        } catch {
            return .failure(error)
        }
    }

    private mutating func decode(_ block: ByteBuffer) throws(HTTP2Error) -> HPACKHeaders {
        if !Self.leavesTableAlone(block) { self.known.removeAll(keepingCapacity: true) }
        var block = block
        do {
            return try self.decoder.decodeHeaders(from: &block)
        } catch is NIOHPACKErrors.MaxHeaderListSizeViolation {
            throw HTTP2Error(.enhanceYourCalm, "header of more than \(self.decoder.maxHeaderListSize) bytes")
        } catch {
            throw HTTP2Error(.compressionError, "header block cannot be decoded")
        }
    }

    private mutating func learn(_ block: ByteBuffer, _ head: RequestHead) {
        guard block.readableBytes <= Self.maxKnownSize, Self.leavesTableAlone(block) else { return }
        if self.known.count == Self.maxKnown { self.known.removeFirst() }
        // A copy: the block is a slice of what was read, which would stay for its sake.
        self.known.append(Known(block: ByteBuffer(bytes: block.readableBytesView), head: head))
    }

    /// Whether a block neither adds to the dynamic table nor resizes it (RFC 7541, 6). False also for one that is broken.
    static func leavesTableAlone(_ block: ByteBuffer) -> Bool {
        unsafe block.withUnsafeReadableBytes { bytes in
            var at = 0
            while at < bytes.count {
                let first = unsafe bytes[at]
                if first & 0x80 != 0 {
                    guard unsafe Self.integer(bytes, &at, prefix: 7) != nil else { return false }
                    continue
                }
                // 01: a literal that is added; 001: a new size.
                guard first & 0xE0 == 0, let name = unsafe Self.integer(bytes, &at, prefix: 4) else { return false }
                for _ in 0..<(name == 0 ? 2 : 1) {
                    guard let length = unsafe Self.integer(bytes, &at, prefix: 7), length <= bytes.count - at else {
                        return false
                    }
                    at += length
                }
            }
            return true
        }
    }

    /// RFC 7541, 5.1. Nil when it is not whole or larger than any block.
    private static func integer(_ bytes: UnsafeRawBufferPointer, _ at: inout Int, prefix: Int) -> Int? {
        guard at < bytes.count else { return nil }
        let mask = (1 << prefix) - 1
        var value = unsafe Int(bytes[at]) & mask
        at += 1
        guard value == mask else { return value }
        var shift = 0
        while at < bytes.count, shift <= 28 {
            let byte = unsafe Int(bytes[at])
            at += 1
            value += (byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
        return nil
    }
}
