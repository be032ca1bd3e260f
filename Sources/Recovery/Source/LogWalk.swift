internal import EtcdWire
internal import Platform
internal import WriteAheadLog

/// Goes over all segments of a log and says what is in it and what is wrong with it. After damage it goes on with the next
/// segment.
struct LogWalk {
    private let disk: any Disk
    private let progress: ProgressReport?
    private var facts: LogFacts
    private var findings = FindingLog()
    private var done: Int64 = 0
    private var total: Int64 = 0
    /// Whether entries may be missing before the next.
    private var isBroken = false

    /// - Parameter visit: Called with every entry in the order they were written, those included that others replace.
    static func run(
        _ directory: String, disk: any Disk, progress: ProgressReport? = nil,
        visit: SourceFacts.EntryVisitor = { _, _, _ in }
    ) throws(RecoveryError) -> LogFacts {
        var walk = LogWalk(directory, disk, progress)
        do throws(WALError) {
            try walk.listSegments()
        } catch {
            guard error.code != .disk else { throw RecoveryError(error) }
            walk.findings.add(Finding(RecoveryError(error)))
        }
        try walk.read(visit)
        walk.facts.findings = walk.findings.all(of: directory)
        return walk.facts
    }

    private init(_ directory: String, _ disk: any Disk, _ progress: ProgressReport?) {
        (self.disk, self.progress, self.facts) = (disk, progress, LogFacts(directory: directory))
    }

    private mutating func listSegments() throws(WALError) {
        for name in try LogReader.segments(self.facts.directory, disk: self.disk) {
            let path = "\(self.facts.directory)/\(name)"
            let info: FileInfo?
            do throws(DiskError) { info = try self.disk.stat(path) } catch {
                throw WALError(.disk, path, "\(error.operation): \(error.reason)")
            }
            guard let info else { continue }
            self.facts.segments.append(
                SegmentFacts(name: name, path: path, fileSize: info.size, modified: info.modified))
            self.total += info.size
        }
    }

    private mutating func read(_ visit: SourceFacts.EntryVisitor) throws(RecoveryError) {
        var start = 0
        while start < self.facts.segments.count {
            do throws(WALError) {
                start = try self.read(from: start, visit)
            } catch {
                guard error.code != .disk else { throw RecoveryError(error) }
                self.findings.add(Finding(RecoveryError(error)))
                self.facts.end = .damaged(file: error.path, offset: error.offset ?? 0, what: error.message)
                self.isBroken = true
                start = max(start + 1, (self.facts.segments.firstIndex { $0.path == error.path } ?? start) + 1)
            }
        }
    }

    /// Reads segments up to the end, or to a gap between them.
    /// - Returns: The segment to go on with.
    private mutating func read(
        from start: Int, _ visit: SourceFacts.EntryVisitor
    ) throws(WALError) -> Int {
        var stop = start + 1
        while stop < self.facts.segments.count,
            self.facts.segments[stop].name.sequence == self.facts.segments[stop - 1].name.sequence &+ 1
        {
            stop += 1
        }
        var cursor = LogReader.cursor(
            self.facts.directory, segments: self.facts.segments[start..<stop].map(\.name), disk: self.disk)
        var current = start
        while let item = try cursor.next() {
            while self.facts.segments[current].name != item.segment { current += 1 }
            self.facts.segments[current].usedBytes = item.end
            self.report(current, item.end)
            try self.take(item, of: current, visit)
        }
        if stop < self.facts.segments.count {
            let (last, next) = (self.facts.segments[stop - 1], self.facts.segments[stop])
            self.findings.add(last.path, at: last.usedBytes, "the log goes on in \(next.name): segments between are missing")
            self.isBroken = true
        } else if let end = cursor.end {
            self.facts.end = self.isBroken ? self.facts.end : end
            if case .torn(let file, let offset) = end {
                self.findings.add(
                    file, at: offset, "torn tail, recoverable: the last write was interrupted, and never acknowledged",
                    isDamage: false)
            }
        }
        return stop
    }

    private mutating func report(_ segment: Int, _ end: Int64) {
        guard let progress else { return }
        let done = self.facts.segments[..<segment].reduce(end) { $0 + $1.fileSize }
        guard done - self.done >= 1 << 20 else { return }
        self.done = done
        progress(RecoveryProgress(.reading, self.facts.directory, done: done, total: self.total))
    }

    private mutating func take(
        _ item: LogItem, of segment: Int, _ visit: SourceFacts.EntryVisitor
    ) throws(WALError) {
        let path = self.facts.segments[segment].path
        switch item.kind {
        case .metadata(let bytes):
            guard self.facts.metadata == nil else { return }
            guard let metadata = try? WALMetadata(decoding: bytes) else {
                return self.findings.add(path, at: item.offset, "the record of whose log it is is malformed")
            }
            self.facts.metadata = metadata
        case .state(let state): self.facts.state = state
        case .snapshot(let snapshot):
            self.facts.snapshots.append(snapshot)
            // A leader's snapshot stands in for the entries up to it.
            if snapshot.index > self.facts.lastIndex, !self.facts.runs.isEmpty { self.facts.runs = [] }
        case .crc: break
        case .entry(let entry):
            self.facts.segments[segment].entries += 1
            self.facts.segments[segment].lastIndex = max(self.facts.segments[segment].lastIndex, entry.index)
            self.place(entry, item, path)
            visit(entry, item, &self.findings)
        }
    }

    /// Puts an entry where it belongs: behind the last, or in the place of what a former leader wrote.
    private mutating func place(_ entry: RaftEntry, _ item: LogItem, _ path: String) {
        guard let last = self.facts.runs.last else {
            self.facts.runs = [TermRun(term: entry.term, first: entry.index, last: entry.index)]
            self.isBroken = false
            return
        }
        if entry.index > last.last + 1 {
            if !self.isBroken {
                self.findings.add(
                    path, at: item.offset, "entries are missing: after \(last.last) comes \(entry.index)")
            }
            // What follows is all that can be relied on to be whole.
            self.facts.runs = [TermRun(term: entry.term, first: entry.index, last: entry.index)]
            self.isBroken = false
            return
        }
        if entry.index <= last.last {
            self.facts.replaced += Int64(last.last - entry.index + 1)
            while let run = self.facts.runs.last, run.last >= entry.index {
                self.facts.runs.removeLast()
                if run.first < entry.index {
                    self.facts.runs.append(TermRun(term: run.term, first: run.first, last: entry.index - 1))
                }
            }
        }
        if let before = self.facts.runs.last, before.term > entry.term {
            self.findings.add(
                path, at: item.offset, "entry \(entry.index) is of term \(entry.term), after one of term \(before.term)")
        }
        if let before = self.facts.runs.last, before.term == entry.term {
            self.facts.runs[self.facts.runs.count - 1].last = entry.index
        } else {
            self.facts.runs.append(TermRun(term: entry.term, first: entry.index, last: entry.index))
        }
    }
}
