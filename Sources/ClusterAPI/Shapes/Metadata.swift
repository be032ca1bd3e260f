internal import Platform
internal import YAML

extension ObjectMeta: Fielded {
    static var blank: ObjectMeta { ObjectMeta(name: "") }

    mutating func fields(_ list: inout Fields) {
        list.acceptUnknownFromStore()
        list.field("name", &self.name, .label, "", .required)
        list.field("namespace", &self.namespace, .label, "")
        list.observed("uid", &self.uid, .text, "", isOmitted: self.uid.isEmpty)
        list.observed("resourceVersion", &self.resourceVersion, .text, "", isOmitted: self.resourceVersion.isEmpty)
        list.observed("generation", &self.generation, .integer, "", isOmitted: self.generation == 0)
        list.observed("creationTimestamp", &self.creationTimestamp, .timestamp, "")
        list.observed("deletionTimestamp", &self.deletionTimestamp, .timestamp, "")
        list.observed("finalizers", &self.finalizers, .list(of: .text), "", isOmitted: self.finalizers.isEmpty)
        list.field(
            "labels", &self.labels, .map(of: .labelValue, key: labelKeyComplaint), "", isOmitted: self.labels.isEmpty)
        list.field(
            "annotations", &self.annotations, .map(of: .text, key: labelKeyComplaint), "", isOmitted: self.annotations.isEmpty)
    }
}

extension Condition: Fielded {
    static var blank: Condition {
        Condition(
            type: "", status: .unknown, reason: "", message: "", observedGeneration: 0,
            lastTransitionTime: .init(nanoseconds: 0))
    }

    mutating func fields(_ list: inout Fields) {
        list.field("type", &self.type, .text, "", .required)
        list.field("status", &self.status, .choice(unknown: .unknown), "True, False or Unknown.", .required)
        list.field("reason", &self.reason, .text, "One word in CamelCase.")
        list.field("message", &self.message, .text, "What a person should know or do.")
        list.field("observedGeneration", &self.observedGeneration, .integer, "The generation that was judged.")
        list.field("lastTransitionTime", &self.lastTransitionTime, .timestamp, "When the status last changed.")
    }
}

extension Event: Fielded {
    static var blank: Event {
        Event(regarding: "", type: .normal, reason: "", message: "", time: .init(nanoseconds: 0))
    }

    mutating func fields(_ list: inout Fields) {
        list.constant("apiVersion", apiVersion)
        list.constant("kind", "Event")
        list.acceptUnknownFromStore()
        list.field("regarding", &self.regarding, .text, "", .required)
        list.field("type", &self.type, .choice(unknown: .normal), "", .required)
        list.field("reason", &self.reason, .text, "", .required)
        list.field("message", &self.message, .text, "")
        list.field("firstSeen", &self.firstSeen, .timestamp, "", .required)
        list.field("lastSeen", &self.lastSeen, .timestamp, "", .required)
        list.field("count", &self.count, .integer(0...Int.max), "")
    }
}

extension Plan: Fielded {
    static var blank: Plan { Plan(steps: [], blocked: [], summary: "") }

    mutating func fields(_ list: inout Fields) {
        list.acceptUnknownFromStore()
        list.field("summary", &self.summary, .text, "")
        list.field("steps", &self.steps, .list(of: .object), "")
        list.field("blocked", &self.blocked, .list(of: .object), "")
    }
}

extension PlanStep: Fielded {
    static var blank: PlanStep { PlanStep(action: "", why: "", risk: .none, toleranceBefore: 0, toleranceAfter: 0) }

    mutating func fields(_ list: inout Fields) {
        list.field("action", &self.action, .text, "", .required)
        list.field("why", &self.why, .text, "")
        list.field("risk", &self.risk, .choice, "", .required)
        list.field("toleranceBefore", &self.toleranceBefore, .integer, "")
        list.field("toleranceAfter", &self.toleranceAfter, .integer, "")
    }
}
