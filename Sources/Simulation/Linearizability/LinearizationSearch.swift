/// The search for an order of one object's operations.
struct LinearizationSearch<Model: SequentialModel> {
    typealias Operation = ClientOperation<Model.Input, Model.Output>

    /// How far the search came.
    enum Outcome {
        case found([Int])
        case impossible(Deepest)
        case paused
    }

    /// The attempt that came farthest.
    struct Deepest {
        var placed: [Int] = []
        var state: Model.State
        /// When the return was that it could not get past.
        var deadline = Int.min
    }

    /// One operation put in its place, and what it takes to go back.
    private struct Placement {
        var operation: Int
        var before: Model.State
        /// Whether it is no use to look for another place.
        var isSettled: Bool
    }

    /// What was placed, and what it led to.
    private struct Configuration: Hashable {
        var placed: PlacedSet.Digest
        var state: Model.State
    }

    /// How many operations ahead it looks for one that has become impossible.
    private static var sight: Int { 10 }

    private(set) var steps = 0
    private let model: Model
    private let operations: [Operation]
    private let isReadOnly: [Bool]
    /// For one of unknown outcome the one before it with the same input, unknown too: whichever of the two took effect, it
    /// can have been the earlier.
    private let twins: [Int?]
    private var events: EventList
    /// The event to look at next.
    private var node: Int
    private var state: Model.State
    private var placed: PlacedSet
    private var placements: [Placement] = []
    private var seen: Set<Configuration> = []
    private var deepest: Deepest
    /// Operations that returned and have no place yet.
    private var missing: Int

    init(_ model: Model, _ operations: [Operation]) {
        self.model = model
        self.operations = operations
        self.isReadOnly = operations.map { model.isReadOnly($0.input, $0.output) }
        self.twins = Self.twins(of: operations)
        self.events = EventList(operations.map { ($0.invoked, $0.returned) })
        self.node = self.events.first
        self.state = model.initialState
        self.placed = PlacedSet(capacity: operations.count)
        self.deepest = Deepest(state: model.initialState)
        self.missing = operations.count { $0.returned != nil }
    }

    /// Searches on from where it stands.
    /// - Parameter budget: How many steps of the model may have been taken in all before it pauses.
    mutating func run(until budget: Int) -> Outcome {
        while self.missing > 0 {
            guard let operation = self.events.invoked(at: self.node) else {
                self.note(deadline: self.node)
                guard let next = self.goBack() else { return .impossible(self.deepest) }
                self.node = next
                continue
            }
            guard self.steps < budget else { return .paused }
            guard self.place(operation) else {
                self.node = self.events.after(self.node)
                continue
            }
            if let late = self.tooLate() {
                self.note(deadline: self.events.returnNode(of: late))
                guard let next = self.goBack() else { return .impossible(self.deepest) }
                self.node = next
            } else {
                self.node = self.events.first
            }
        }
        return .found(self.placements.map(\.operation))
    }

    /// Puts an operation in the next place, if it fits and if that is worth a try.
    private mutating func place(_ index: Int) -> Bool {
        if let twin = self.twins[index], !self.placed.contains(twin) { return false }
        let operation = self.operations[index]
        self.steps += 1
        guard let after = self.model.step(self.state, operation.input, operation.output) else { return false }
        let isUnknown = operation.returned == nil
        // Of unknown outcome and without effect here: as well left out.
        if isUnknown && after == self.state { return false }
        self.placed.toggle(index)
        if !self.isReadOnly[index] {
            let isNew = self.seen.insert(Configuration(placed: self.placed.digest, state: after)).inserted
            guard isNew else {
                self.placed.toggle(index)
                return false
            }
        }
        self.placements.append(Placement(operation: index, before: self.state, isSettled: self.isReadOnly[index]))
        self.events.remove(index)
        self.state = after
        if !isUnknown { self.missing -= 1 }
        return true
    }

    /// Among the events that come next, the return of an operation that has become impossible.
    private func tooLate() -> Int? {
        guard let last = self.placements.last, !last.isSettled else { return nil }
        var node = self.events.first
        var looked = 0
        while node != EventList.end, looked < Self.sight {
            defer { node = self.events.after(node) }
            // Those of unknown outcome gather in front, and are never too late.
            guard let index = self.events.invoked(at: node), let output = self.operations[index].output else { continue }
            looked += 1
            let input = self.operations[index].input
            if self.model.isTooLate(self.state, input, output, before: { self.others(before: index) }) { return index }
        }
        return nil
    }

    /// What may still come before an operation that returned.
    private func others(before operation: Int) -> [Model.Input] {
        var others: [Model.Input] = []
        var node = self.events.first
        while node != self.events.returnNode(of: operation) {
            if let other = self.events.invoked(at: node), other != operation { others.append(self.operations[other].input) }
            node = self.events.after(node)
        }
        return others
    }

    /// Takes back the latest placement for which another may be found, and returns where to look on.
    private mutating func goBack() -> Int? {
        while let last = self.placements.popLast() {
            self.events.restore(last.operation)
            self.placed.toggle(last.operation)
            self.state = last.before
            if self.operations[last.operation].returned != nil { self.missing += 1 }
            if !last.isSettled { return self.events.afterInvocation(of: last.operation) }
        }
        return nil
    }

    private mutating func note(deadline node: Int) {
        guard let time = self.events.returned(at: node).flatMap({ self.operations[$0].returned }) else { return }
        let isFarther = (time, self.placements.count) > (self.deepest.deadline, self.deepest.placed.count)
        guard isFarther || self.deepest.deadline == .min else { return }
        self.deepest = Deepest(placed: self.placements.map(\.operation), state: self.state, deadline: time)
    }

    private static func twins(of operations: [Operation]) -> [Int?] {
        var latest: [Model.Input: Int] = [:]
        var twins: [Int?] = Array(repeating: nil, count: operations.count)
        for index in operations.indices.sorted(by: { operations[$0].invoked < operations[$1].invoked })
        where operations[index].returned == nil {
            twins[index] = latest.updateValue(index, forKey: operations[index].input)
        }
        return twins
    }
}
