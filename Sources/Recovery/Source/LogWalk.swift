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
    /// Why the next entry begins a stretch, where it does.
    private var isBroken = true

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
                let finding = Finding(RecoveryError(error))
                self.findings.add(finding)
                self.facts.end = .damaged(file: error.path, offset: error.offset ?? 0, what: error.message)
                self.endStretch(finding)
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
            let finding = Finding(
                last.path, at: last.usedBytes, "the log goes on in \(next.name): segments between are missing")
            self.findings.add(finding)
            self.endStretch(finding)
        } else if let end = cursor.end {
            self.facts.end = end
            self.endStretch(nil)
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
            if snapshot.index > self.facts.lastIndex, !self.isBroken { self.endStretch(nil) }
        case .crc: break
        case .entry(let entry):
            self.count(entry, of: segment)
            self.place(entry, item, of: segment)
            visit(entry, item, &self.findings)
        }
    }

    private mutating func count(_ entry: RaftEntry, of segment: Int) {
        let isFirst = self.facts.segments[segment].entries == 0
        self.facts.segments[segment].entries += 1
        self.facts.segments[segment].firstIndex =
            isFirst
            ? entry.index : min(self.facts.segments[segment].firstIndex, entry.index)
        self.facts.segments[segment].lastIndex = max(self.facts.segments[segment].lastIndex, entry.index)
    }

    private mutating func endStretch(_ damage: Finding?) {
        if !self.isBroken, let last = self.facts.stretches.indices.last {
            self.facts.stretches[last].commit = self.facts.state.commit
            self.facts.stretches[last].damage = damage
        }
        self.isBroken = true
    }

    /// Puts an entry where it belongs: behind the last, or in the place of what a former leader wrote.
    private mutating func place(_ entry: RaftEntry, _ item: LogItem, of segment: Int) {
        let path = self.facts.segments[segment].path
        if !self.isBroken, entry.index > self.facts.lastIndex + 1 {
            let finding = Finding(
                path, at: item.offset, "entries are missing: after \(self.facts.lastIndex) comes \(entry.index)")
            self.findings.add(finding)
            self.endStretch(finding)
        }
        guard !self.isBroken, let last = self.facts.stretches.indices.last else {
            let run = TermRun(term: entry.term, first: entry.index, last: entry.index)
            self.facts.stretches.append(LogStretch(runs: [run], segments: segment...segment))
            self.isBroken = false
            return
        }
        if entry.index == self.facts.lastIndex + 1, entry.term == self.facts.lastTerm {
            self.facts.stretches[last].runs[self.facts.stretches[last].runs.count - 1].last = entry.index
            self.facts.stretches[last].segments = self.facts.stretches[last].segments.lowerBound...segment
            return
        }
        var stretch = self.facts.stretches[last]
        stretch.segments = stretch.segments.lowerBound...segment
        if entry.index <= stretch.lastIndex {
            self.facts.replaced += Int64(clamping: stretch.lastIndex - entry.index + 1)
            while let run = stretch.runs.last, run.last >= entry.index {
                stretch.runs.removeLast()
                if run.first < entry.index {
                    stretch.runs.append(TermRun(term: run.term, first: run.first, last: entry.index - 1))
                }
            }
        }
        if let before = stretch.runs.last, before.term > entry.term {
            self.findings.add(
                path, at: item.offset, "entry \(entry.index) is of term \(entry.term), after one of term \(before.term)")
        }
        if let before = stretch.runs.last, before.term == entry.term {
            stretch.runs[stretch.runs.count - 1].last = entry.index
        } else {
            stretch.runs.append(TermRun(term: entry.term, first: entry.index, last: entry.index))
        }
        self.facts.stretches[last] = stretch
    }
}
