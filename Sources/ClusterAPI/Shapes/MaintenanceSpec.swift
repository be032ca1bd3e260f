internal import Platform
internal import YAML

extension MaintenanceSpec: Fielded {
    static var blank: MaintenanceSpec { MaintenanceSpec() }

    mutating func fields(_ list: inout Fields) {
        list.field("compaction", &self.compaction, .compaction, "Old revisions are given up; never when left out.")
        list.field("defragmentation", &self.defragmentation, .object, "Freed space is returned; never when left out.")
    }
}

extension DefragmentationSpec: Fielded {
    static var blank: DefragmentationSpec { DefragmentationSpec() }

    mutating func fields(_ list: inout Fields) {
        list.field("schedule", &self.schedule, .cron, "Cron, five fields; whenever the thresholds are passed when left out.")
        list.field("timeZone", &self.timeZone, .timeZone, "The schedule's time zone, an IANA name; UTC when left out.")
        list.field(
            "minFragmentation", &self.minFragmentation, .percent,
            "The share of the file not in use from which a member is defragmented.")
        list.field(
            "minReclaim", &self.minReclaim, .quantity(0...Int64.max), "Bytes to be won from which a member is defragmented.")
        list.warning("timeZone", message: self.timeZone != nil && self.schedule == nil ? "says nothing without schedule" : nil)
    }
}

extension Format where Value == CompactionSpec {
    static var compaction: Format {
        Format<CompactionFields>.object.mapped { fields in
            switch fields.retention {
            case .time(let duration): .periodic(retention: duration)
            case .count(let revisions): .revision(retention: revisions)
            }
        } from: { spec in
            switch spec {
            case .periodic(let retention): CompactionFields(mode: .periodic, retention: .time(retention))
            case .revision(let retention): CompactionFields(mode: .revision, retention: .count(retention))
            }
        }
    }
}

/// Compaction as it is written: the mode says what the retention counts.
private struct CompactionFields: Fielded {
    enum Mode: String, CaseIterable {
        case periodic = "Periodic"
        case revision = "Revision"
    }

    enum Retention {
        case time(Duration)
        case count(Int64)
    }

    var mode: Mode
    var retention: Retention

    static var blank: CompactionFields { CompactionFields(mode: .periodic, retention: .time(.seconds(3600))) }

    mutating func fields(_ list: inout Fields) {
        list.field("mode", &self.mode, .choice, "Whether retention is a time or a number of revisions.")
        list.field(
            "retention", &self.retention, .retention, "How much history is kept: 1h with Periodic, 10000 with Revision.",
            .required)
        list.rule("retention", "mode", message: self.mismatch)
    }

    private var mismatch: String? {
        switch (self.mode, self.retention) {
        case (.periodic, .count): "must be a duration such as 1h where mode is Periodic"
        case (.revision, .time): "must be a number of revisions such as 10000 where mode is Revision"
        default: nil
        }
    }
}

extension Format where Value == CompactionFields.Retention {
    fileprivate static var retention: Format {
        let time = Format<Duration>.duration(.seconds(1)...longest)
        let count = Format<Int64>.integer(1...Int64.max)
        return Format(schema: ["x-kubernetes-int-or-string": true]) { node, reading in
            if node.int != nil { return count.read(node, &reading).map { .count($0) } }
            return time.read(node, &reading).map { .time($0) }
        } write: { value in
            switch value {
            case .time(let duration): time.write(duration)
            case .count(let revisions): count.write(revisions)
            }
        }
    }
}
