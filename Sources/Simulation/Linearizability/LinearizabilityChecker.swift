/// Says whether a history of concurrent clients can be explained by a model that does one operation at a time, each at some
/// moment between its invocation and its return.
///
/// Wing and Gong's search in Lowe's form: the operations that may come next are those invoked before the first return that
/// is still to come; what was placed and the state it led to are remembered, and the same pair is not searched twice.
/// Operations of unknown outcome may be placed at any time after their invocation, or be left out.
///
/// J. M. Wing, C. Gong: Testing and Verifying Concurrent Objects, 1993. G. Lowe: Testing for Linearizability, 2017.
public struct LinearizabilityChecker<Model: SequentialModel>: Sendable {
    public typealias Operation = ClientOperation<Model.Input, Model.Output>

    public var model: Model
    /// How many steps of the model a check may take before it gives up.
    public var budget: Int

    public init(_ model: Model, budget: Int = 10_000_000) {
        self.model = model
        self.budget = budget
    }

    public func check(_ operations: [Operation]) -> LinearizabilityVerdict<Model> {
        var objects = self.objects(of: operations)
        var witnesses: [[Int]] = Array(repeating: [], count: objects.count)
        var steps = 0
        var open = Array(objects.indices)
        var patience = min(1000, self.budget)
        // All objects by turns, with ever more patience: the one that is easiest to refute decides.
        while !open.isEmpty {
            var unfinished: [Int] = []
            for object in open {
                let before = objects[object].search.steps
                let outcome = objects[object].search.run(until: min(patience, before + self.budget - steps))
                steps += objects[object].search.steps - before
                switch outcome {
                case .found(let placed): witnesses[object] = placed.map { objects[object].members[$0] }
                case .impossible(let deepest):
                    return .notLinearizable(self.shortest(objects[object], operations, deepest))
                case .paused: unfinished.append(object)
                }
            }
            guard unfinished.isEmpty || steps < self.budget else { return .undecided(steps: steps) }
            open = unfinished
            patience *= 4
        }
        return .linearizable(witnesses)
    }

    /// One object's share of a history.
    private struct Object {
        var partition: Model.Partition
        /// Indices of its operations.
        var members: [Int]
        var search: LinearizationSearch<Model>
    }

    /// In the order in which they appear.
    private func objects(of operations: [Operation]) -> [Object] {
        var order: [Model.Partition] = []
        var members: [Model.Partition: [Int]] = [:]
        for (index, operation) in operations.enumerated() {
            // One that changes nothing, and of which nothing is known, says nothing.
            if operation.output == nil && self.model.isReadOnly(operation.input, nil) { continue }
            let partition = self.model.partition(of: operation.input)
            if members[partition] == nil { order.append(partition) }
            members[partition, default: []].append(index)
        }
        return order.map { partition in
            let members = members[partition] ?? []
            let search = LinearizationSearch(self.model, members.map { operations[$0] })
            return Object(partition: partition, members: members, search: search)
        }
    }

    /// The counterexample with the earliest deadline: what has no explanation has none whatever comes after it.
    private func shortest(
        _ object: Object, _ operations: [Operation], _ deepest: LinearizationSearch<Model>.Deepest
    ) -> LinearizabilityCounterexample<Model> {
        var best = Self.counterexample(object, operations, deepest)
        let deadlines = object.members.compactMap { operations[$0].returned }.filter { $0 < deepest.deadline }.sorted()
        var (low, high) = (0, deadlines.count)
        while low < high {
            let middle = (low + high) / 2
            var beginning = self.beginning(of: object, operations, until: deadlines[middle])
            if case .impossible(let deepest) = beginning.search.run(until: self.budget) {
                best = Self.counterexample(beginning, operations, deepest)
                high = middle
            } else {
                low = middle + 1
            }
        }
        return best
    }

    /// What was known of an object at a time.
    private func beginning(of object: Object, _ operations: [Operation], until deadline: Int) -> Object {
        var beginning = object
        beginning.members = []
        var known: [Operation] = []
        for member in object.members where operations[member].invoked <= deadline {
            var operation = operations[member]
            if let returned = operation.returned, returned > deadline {
                operation.outcome = .unknown
                if self.model.isReadOnly(operation.input, nil) { continue }
            }
            beginning.members.append(member)
            known.append(operation)
        }
        beginning.search = LinearizationSearch(self.model, known)
        return beginning
    }

    private static func counterexample(
        _ object: Object, _ operations: [Operation], _ deepest: LinearizationSearch<Model>.Deepest
    ) -> LinearizabilityCounterexample<Model> {
        let placed = Set(deepest.placed)
        let unplaced = object.members.indices.filter { index in
            operations[object.members[index]].invoked <= deepest.deadline && !placed.contains(index)
        }
        return LinearizabilityCounterexample(
            partition: object.partition, deadline: deepest.deadline, placed: deepest.placed.map { object.members[$0] },
            state: deepest.state, unplaced: unplaced.map { object.members[$0] }, operations: operations)
    }
}

/// What a check came to.
public enum LinearizabilityVerdict<Model: SequentialModel>: Sendable {
    /// For each object, its operations by their index in the history, in an order that explains them. One of unknown outcome
    /// that is not among them need not have taken effect.
    case linearizable([[Int]])
    case notLinearizable(LinearizabilityCounterexample<Model>)
    /// The budget was spent before an answer was found.
    case undecided(steps: Int)

    public var isLinearizable: Bool { if case .linearizable = self { true } else { false } }

    public var counterexample: LinearizabilityCounterexample<Model>? {
        if case .notLinearizable(let counterexample) = self { counterexample } else { nil }
    }
}

/// Why a history is not linearizable: its shortest beginning that has no explanation, and how far the best attempt comes.
public struct LinearizabilityCounterexample<Model: SequentialModel>: Sendable {
    /// The object concerned.
    public var partition: Model.Partition
    /// The time of the return up to which nothing explains the history. Without that return there is an explanation, as far
    /// as the budget allowed to see.
    public var deadline: Int
    /// The longest explanation: indices of operations in their order.
    public var placed: [Int]
    /// The state that it leads to.
    public var state: Model.State
    /// The operations invoked up to the deadline that have no place: at least one of those that returned cannot have one.
    public var unplaced: [Int]
    /// The whole history.
    public var operations: [ClientOperation<Model.Input, Model.Output>]
}

extension LinearizabilityCounterexample: CustomStringConvertible {
    public var description: String {
        func list(_ indices: some Sequence<Int>) -> String {
            indices.map { "\n  \(self.operations[$0])" }.joined()
        }
        let mustFollow = self.unplaced.filter { (self.operations[$0].returned ?? .max) <= self.deadline }
        let mayFollow = self.unplaced.filter { (self.operations[$0].returned ?? .max) > self.deadline }
        var text = "not linearizable up to time \(self.deadline), object \(self.partition)."
        if !self.placed.isEmpty {
            // What came before the first that has no place was over and done with.
            let start = mustFollow.map { self.operations[$0].invoked }.min() ?? self.deadline
            let settled = self.placed.prefix { (self.operations[$0].returned ?? .max) < start }.count
            let skipped = max(0, settled - 2)
            text += "\nIn order, after \(skipped) others:\(list(self.placed.dropFirst(skipped)))"
        }
        text += "\nState: \(self.state)"
        text += "\nThese had to follow by then, and cannot:\(list(mustFollow))"
        if !mayFollow.isEmpty { text += "\nThese could have come between:\(list(mayFollow))" }
        return text
    }
}
