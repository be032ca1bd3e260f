import EtcdWire
import Testing

@Suite struct ProtoReaderTests {
    private func problem<Message: WireMessage>(_ type: Message.Type, _ bytes: [UInt8]) -> WireError.Problem? {
        do throws(WireError) {
            _ = try Message(decoding: bytes)
            return nil
        } catch {
            return error.problem
        }
    }

    @Test func malformedInput() {
        #expect(self.problem(KeyValue.self, [0x0A]) == .truncated)
        #expect(self.problem(KeyValue.self, [0x0A, 0x05, 0x61]) == .truncated)
        #expect(self.problem(KeyValue.self, [0x0A] + [UInt8](repeating: 0xFF, count: 9) + [0x01]) == .truncated)
        #expect(self.problem(KeyValue.self, [0x10] + [UInt8](repeating: 0x80, count: 10) + [0]) == .varintTooLong)
        #expect(self.problem(KeyValue.self, [0x02, 0x00]) == .invalidTag)
        #expect(self.problem(KeyValue.self, [0x0E]) == .invalidWireType)
        #expect(self.problem(KeyValue.self, [0x08, 0x00]) == .wrongWireType)
        #expect(self.problem(KeyValue.self, [0x7C]) == .unbalancedGroup)
        #expect(self.problem(KeyValue.self, [0x7B]) == .unbalancedGroup)
        #expect(self.problem(KeyValue.self, [0x7B, 0x74]) == .unbalancedGroup)
        #expect(self.problem(Member.self, [0x12, 0x01, 0xFF]) == .invalidUTF8)
        #expect(self.problem(RangeRequest.self, [0x28, 0x09]) == .unknownEnumValue)
    }

    @Test func unknownFieldsAreSkipped() throws {
        let unknown: [[UInt8]] = [
            [0x78, 0x05], [0x79, 1, 2, 3, 4, 5, 6, 7, 8], [0x7A, 0x02, 1, 2], [0x7D, 1, 2, 3, 4],
            [0x7B, 0x08, 0x01, 0x0B, 0x0C, 0x7C],
        ]
        for bytes in unknown {
            #expect(try KeyValue(decoding: bytes + [0x0A, 0x01, 0x6B] + bytes) == KeyValue(key: [0x6B]))
        }
    }

    /// A message may not take its fields from behind its end.
    @Test func fieldsStayWithinTheirMessage() {
        // WatchEvent { kv { key of 4 bytes } } where kv ends after 2.
        #expect(self.problem(WatchEvent.self, [0x12, 0x03, 0x0A, 0x04, 0x61, 0x62, 0x63, 0x64]) == .truncated)
    }

    @Test func nestingIsLimited() throws {
        func nested(_ levels: Int) -> TxnRequest {
            (0..<levels).reduce(TxnRequest()) { inner, _ in TxnRequest(success: [.txn(inner)]) }
        }
        let deepest = ProtoReader.maximumDepth / 2
        #expect(try TxnRequest(decoding: nested(deepest).encoded()) == nested(deepest))
        #expect(self.problem(TxnRequest.self, nested(deepest + 1).encoded()) == .tooDeep)
        let groups = [UInt8](repeating: 0x7B, count: 1000)
        #expect(self.problem(KeyValue.self, groups) == .tooDeep)
    }

    @Test func repeatedNumbersPackedOrNot() throws {
        let expected = WatchCreateRequest(filters: [.noPut, .noDelete])
        #expect(try WatchCreateRequest(decoding: [0x2A, 0x02, 0x00, 0x01]) == expected)
        #expect(try WatchCreateRequest(decoding: [0x28, 0x00, 0x28, 0x01]) == expected)
        #expect(expected.encoded() == [0x2A, 0x02, 0x00, 0x01])
        #expect(self.problem(WatchCreateRequest.self, [0x2A, 0x01, 0x80]) != nil)
    }

    /// The last of several values counts; a header that comes in two parts is put together.
    @Test func repeatedFields() throws {
        #expect(try KeyValue(decoding: [0x10, 0x01, 0x10, 0x02]).createRevision == 2)
        let response = try PutResponse(decoding: [0x0A, 0x02, 0x18, 0x07, 0x0A, 0x02, 0x20, 0x03])
        #expect(response.header == ResponseHeader(revision: 7, raftTerm: 3))
    }

    @Test func negativeNumbers() throws {
        let response = WatchResponse(watchID: -1)
        #expect(response.encoded() == [0x10] + [UInt8](repeating: 0xFF, count: 9) + [0x01])
        #expect(try WatchResponse(decoding: response.encoded()) == response)
    }

    @Test func lengthsOfEverySize() throws {
        for count in [0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152] {
            let event = WatchEvent(kv: KeyValue(value: [UInt8](repeating: 7, count: count)), prevKv: KeyValue(key: [1]))
            #expect(try WatchEvent(decoding: event.encoded()) == event, "\(count)")
        }
    }
}
