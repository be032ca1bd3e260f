/// What can be wrong with a member.
public enum AlarmType: Int32, Sendable, Hashable, CaseIterable {
    case none = 0
    case noSpace, corrupt
}

/// Lists, raises or disarms alarms.
public struct AlarmRequest: WireMessage {
    public var action: AlarmAction = .get
    /// 0 for every member.
    public var memberID: UInt64 = 0
    public var alarm: AlarmType = .none

    public init() {}

    public init(action: AlarmAction = .get, memberID: UInt64 = 0, alarm: AlarmType = .none) {
        self.action = action
        self.memberID = memberID
        self.alarm = alarm
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.action = try reader.enumeration()
        case 2: self.memberID = try reader.uint64()
        case 3: self.alarm = try reader.enumeration()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.enumeration(1, self.action)
        writer.uint64(2, self.memberID)
        writer.enumeration(3, self.alarm)
    }

    /// What to do.
    public enum AlarmAction: Int32, Sendable, Hashable, CaseIterable {
        case get = 0
        case activate, deactivate
    }
}

/// An alarm of a member.
public struct AlarmMember: WireMessage {
    public var memberID: UInt64 = 0
    public var alarm: AlarmType = .none

    public init() {}

    public init(memberID: UInt64 = 0, alarm: AlarmType = .none) {
        self.memberID = memberID
        self.alarm = alarm
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.memberID = try reader.uint64()
        case 2: self.alarm = try reader.enumeration()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.uint64(1, self.memberID)
        writer.enumeration(2, self.alarm)
    }
}

/// The alarms asked for.
public struct AlarmResponse: WireMessage {
    public var header = ResponseHeader()
    public var alarms: [AlarmMember] = []

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), alarms: [AlarmMember] = []) {
        self.header = header
        self.alarms = alarms
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.alarms.append(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.message(2, self.alarms)
    }
}

/// How a member is.
public struct StatusResponse: WireMessage {
    public var header = ResponseHeader()
    public var version: String = ""
    /// Bytes of the database file.
    public var dbSize: Int64 = 0
    /// 0 when there is none.
    public var leader: UInt64 = 0
    public var raftIndex: UInt64 = 0
    public var raftTerm: UInt64 = 0
    public var raftAppliedIndex: UInt64 = 0
    public var errors: [String] = []
    /// Bytes of the database file that hold data.
    public var dbSizeInUse: Int64 = 0
    public var isLearner: Bool = false
    public var storageVersion: String = ""
    public var dbSizeQuota: Int64 = 0
    public var downgradeInfo: DowngradeInfo? = nil

    public init() {}

    public init(
        header: ResponseHeader = ResponseHeader(), version: String = "", dbSize: Int64 = 0, leader: UInt64 = 0,
        raftIndex: UInt64 = 0, raftTerm: UInt64 = 0, raftAppliedIndex: UInt64 = 0, errors: [String] = [],
        dbSizeInUse: Int64 = 0, isLearner: Bool = false, storageVersion: String = "", dbSizeQuota: Int64 = 0,
        downgradeInfo: DowngradeInfo? = nil
    ) {
        self.header = header
        self.version = version
        self.dbSize = dbSize
        self.leader = leader
        self.raftIndex = raftIndex
        self.raftTerm = raftTerm
        self.raftAppliedIndex = raftAppliedIndex
        self.errors = errors
        self.dbSizeInUse = dbSizeInUse
        self.isLearner = isLearner
        self.storageVersion = storageVersion
        self.dbSizeQuota = dbSizeQuota
        self.downgradeInfo = downgradeInfo
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.version = try reader.string()
        case 3: self.dbSize = try reader.int64()
        case 4: self.leader = try reader.uint64()
        case 5: self.raftIndex = try reader.uint64()
        case 6: self.raftTerm = try reader.uint64()
        case 7: self.raftAppliedIndex = try reader.uint64()
        case 8: self.errors.append(try reader.string())
        case 9: self.dbSizeInUse = try reader.int64()
        case 10: self.isLearner = try reader.bool()
        case 11: self.storageVersion = try reader.string()
        case 12: self.dbSizeQuota = try reader.int64()
        case 13: self.downgradeInfo = try reader.message()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.string(2, self.version)
        writer.int64(3, self.dbSize)
        writer.uint64(4, self.leader)
        writer.uint64(5, self.raftIndex)
        writer.uint64(6, self.raftTerm)
        writer.uint64(7, self.raftAppliedIndex)
        writer.string(8, self.errors)
        writer.int64(9, self.dbSizeInUse)
        writer.bool(10, self.isLearner)
        writer.string(11, self.storageVersion)
        writer.int64(12, self.dbSizeQuota)
        writer.message(13, self.downgradeInfo)
    }
}

/// The downgrade under way.
public struct DowngradeInfo: WireMessage {
    public var enabled: Bool = false
    public var targetVersion: String = ""

    public init() {}

    public init(enabled: Bool = false, targetVersion: String = "") {
        self.enabled = enabled
        self.targetVersion = targetVersion
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.enabled = try reader.bool()
        case 2: self.targetVersion = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.bool(1, self.enabled)
        writer.string(2, self.targetVersion)
    }
}

/// Checks, starts or ends a downgrade.
public struct DowngradeRequest: WireMessage {
    public var action: DowngradeAction = .validate
    public var version: String = ""

    public init() {}

    public init(action: DowngradeAction = .validate, version: String = "") {
        self.action = action
        self.version = version
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.action = try reader.enumeration()
        case 2: self.version = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.enumeration(1, self.action)
        writer.string(2, self.version)
    }

    /// What to do.
    public enum DowngradeAction: Int32, Sendable, Hashable, CaseIterable {
        case validate = 0
        case enable, cancel
    }
}

/// Answers a downgrade.
public struct DowngradeResponse: WireMessage {
    public var header = ResponseHeader()
    public var version: String = ""

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), version: String = "") {
        self.header = header
        self.version = version
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.version = try reader.string()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.string(2, self.version)
    }
}
