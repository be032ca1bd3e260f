import EtcdWire
import Simulation
import Testing

@Suite("Linearizability checker")
struct CheckerTests {
    private typealias Register = ClientOperation<RegisterModel.Input, RegisterModel.Output>

    private static func register(
        _ client: Int, _ input: RegisterModel.Input, _ invoked: Int, _ returned: Int?, _ output: RegisterModel.Output?
    ) -> Register {
        guard let returned, let output else { return Register(client: client, input: input, invoked: invoked) }
        return Register(client: client, input: input, invoked: invoked, outcome: .returned(output, at: returned))
    }

    @Test("Nothing, and nothing but unknown outcomes, is linearizable")
    func empty() {
        let checker = LinearizabilityChecker(RegisterModel())
        #expect(checker.check([]).isLinearizable)
        #expect(checker.check([Self.register(1, .write(1), 1, nil, nil), Self.register(2, .read, 2, nil, nil)]).isLinearizable)
    }

    @Test("An operation of unknown outcome takes effect late, or never, but not before it began and not twice")
    func unknown() {
        let checker = LinearizabilityChecker(RegisterModel())
        let write = Self.register(1, .write(1), 1, nil, nil)
        func read(_ at: Int, _ value: Int?) -> Register { Self.register(2, .read, at, at + 1, .value(value)) }
        #expect(checker.check([write, read(10, nil), read(20, 1)]).isLinearizable)
        #expect(checker.check([write, read(10, nil), read(20, nil)]).isLinearizable)
        #expect(!checker.check([write, read(10, 1), read(20, nil)]).isLinearizable)
        #expect(!checker.check([read(-9, 1), write]).isLinearizable)
        let other = Self.register(3, .write(2), 12, 13, .written)
        #expect(!checker.check([write, read(10, 1), other, read(20, 2), read(30, 1)]).isLinearizable)
        // Two of the same kind can come twice.
        let again = Self.register(4, .write(1), 2, nil, nil)
        #expect(checker.check([write, again, read(10, 1), other, read(20, 2), read(30, 1)]).isLinearizable)
    }

    @Test("A counterexample names the shortest beginning that fails, and what had no place in it")
    func counterexample() throws {
        let history = [
            Self.register(1, .write(1), 1, 2, .written), Self.register(1, .write(2), 3, 4, .written),
            Self.register(2, .read, 5, 8, .value(1)), Self.register(3, .read, 6, 7, .value(2)),
            Self.register(1, .write(1), 9, 10, .written),
        ]
        let verdict = LinearizabilityChecker(RegisterModel()).check(history)
        let found = try #require(verdict.counterexample)
        #expect(found.deadline == 8)
        #expect(found.placed == [0, 1, 3])
        #expect(found.state == 2)
        #expect(found.unplaced == [2])
        #expect(
            found.description == """
                not linearizable up to time 8, object 0.
                In order, after 0 others:
                  [1, 2] client 1: write(1) -> written
                  [3, 4] client 1: write(2) -> written
                  [6, 7] client 3: read -> value(Optional(2))
                State: Optional(2)
                These had to follow by then, and cannot:
                  [5, 8] client 2: read -> value(Optional(1))
                """)
    }

    @Test("A search that takes too long says so")
    func budget() {
        let writes = (1...12).map { Self.register($0, .write($0), $0, 100 + $0, .written) }
        let read = Self.register(0, .read, 200, 201, .value(99))
        let verdict = LinearizabilityChecker(RegisterModel(), budget: 1000).check(writes + [read])
        guard case .undecided(steps: 1000) = verdict else {
            Issue.record("\(verdict)")
            return
        }
    }

    @Test("Of operations that nobody heard of there may be many")
    func manyUnknown() throws {
        typealias Operation = ClientOperation<EtcdRequest, EtcdReply>
        func put(_ number: Int) -> EtcdRequest { .put(PutRequest(key: [1], value: [UInt8(number)])) }
        let row = KeyValue(key: [1], createRevision: 2, modRevision: 2, version: 1, value: [7])
        let read = RangeResponse(header: ResponseHeader(revision: 2), kvs: [row], count: 1)
        let operations =
            (0..<40).map { Operation(client: $0, input: put($0), invoked: $0) }
            + [
                Operation(
                    client: 99, input: .range(RangeRequest(key: [1])), invoked: 100, outcome: .returned(.range(read), at: 101))
            ]
        for log in [nil, try EventLog([WatchEvent(kv: row)])] {
            let verdict = LinearizabilityChecker(EtcdModel(log: log), budget: 5000).check(operations)
            guard case .linearizable(let witnesses) = verdict else {
                Issue.record("\(verdict)")
                continue
            }
            #expect(witnesses == [[7, 40]])
        }
    }

    @Test("The log of what was stored settles what nobody heard of")
    func log() throws {
        func put(_ key: String, _ value: String) -> EtcdRequest {
            .put(PutRequest(key: Array(key.utf8), value: Array(value.utf8)))
        }
        typealias Operation = ClientOperation<EtcdRequest, EtcdReply>
        let lost = (1...3).map { Operation(client: $0, input: put("a", "\($0)"), invoked: $0) }
        let known = Operation(
            client: 9, input: put("b", "x"), invoked: 10,
            outcome: .returned(.put(PutResponse(header: ResponseHeader(revision: 3))), at: 11))
        func event(_ revision: Int64, _ key: String, _ value: String) -> WatchEvent {
            let row = KeyValue(
                key: Array(key.utf8), createRevision: revision, modRevision: revision, version: 1, value: Array(value.utf8))
            return WatchEvent(kv: row)
        }
        func check(_ events: [WatchEvent]) throws -> LinearizabilityVerdict<EtcdModel> {
            LinearizabilityChecker(EtcdModel(log: try EventLog(events))).check(lost + [known])
        }
        let second = try check([event(2, "a", "2"), event(3, "b", "x")])
        guard case .linearizable(let witnesses) = second else {
            Issue.record("\(second)")
            return
        }
        #expect(witnesses == [[1, 3]])
        #expect(try !check([event(2, "a", "4"), event(3, "b", "x")]).isLinearizable)
        #expect(try !check([event(2, "a", "2"), event(3, "b", "y")]).isLinearizable)
    }
}
