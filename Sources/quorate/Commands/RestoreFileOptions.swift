internal import ArgumentParser
internal import Platform
internal import Recovery

/// How `restore` makes a data directory out of files. Named as etcdutl names them, where it has them.
struct RestoreFileOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The data directory to make: absent, or empty.", valueName: "dir"))
    var dataDir: String?

    @Option(name: .customLong("name"), help: ArgumentHelp("The name of the member; default without.", valueName: "name"))
    var memberName: String?

    @Option(
        name: .long,
        help: ArgumentHelp("The members of the new cluster; NAME=http://localhost:2380 without.", valueName: "name=url,..."))
    var initialCluster: String?

    @Option(name: .long, help: ArgumentHelp("The new cluster's token; etcd-cluster without.", valueName: "token"))
    var initialClusterToken: String?

    @Option(
        name: .long,
        help: ArgumentHelp("The member's own URLs, which must be those in --initial-cluster.", valueName: "url,..."))
    var initialAdvertisePeerUrls: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Move revisions on by this many, 0 for not at all; computed from what is found without.", valueName: "n"))
    var bumpRevision: Int64?

    @Flag(name: .long, inversion: .prefixedNo, help: "Mark revisions up to the bump as compacted; done where there is one.")
    var markCompacted: Bool?

    @Flag(name: .long, help: "Take a snapshot whose hash is missing or wrong.")
    var skipHashCheck = false

    @Flag(name: .long, help: "Take sources of different clusters for one's.")
    var allowForeignSources = false

    @Flag(name: .long, help: "Take what a damaged log holds before its damage for all there is.")
    var allowDamagedLog = false

    @Flag(name: .long, help: "Print the report as JSON.")
    var json = false

    /// Whether any of these is.
    var isGiven: Bool {
        self.dataDir != nil || self.memberName != nil || self.initialCluster != nil || self.initialClusterToken != nil
            || self.initialAdvertisePeerUrls != nil || self.bumpRevision != nil || self.markCompacted != nil
            || self.skipHashCheck || self.allowForeignSources || self.allowDamagedLog || self.json
    }

    func validate() throws {
        if let bumpRevision, bumpRevision < 0 { throw ValidationError("--bump-revision is 0 or more.") }
        if self.bumpRevision == 0, self.markCompacted == true {
            throw ValidationError("--mark-compacted needs a revision to be moved on: leave out --bump-revision 0.")
        }
        do { _ = try self.cluster() } catch { throw ValidationError(error.description) }
    }

    private func cluster() throws(NewClusterError) -> NewCluster {
        let name = self.memberName ?? "default"
        return try NewCluster(
            name: name, initialCluster: self.initialCluster ?? "\(name)=http://localhost:2380",
            token: self.initialClusterToken ?? "etcd-cluster",
            advertised: self.initialAdvertisePeerUrls?.split(separator: ",").map(String.init))
    }

    func request(from sources: [String], to target: RestoreTarget) throws(CommandError) -> RestoreRequest {
        let cluster: NewCluster
        do throws(NewClusterError) { cluster = try self.cluster() } catch { throw CommandError(.usage, error.description) }
        var request = RestoreRequest(
            from: sources, to: self.dataDir ?? "", target: target, cluster: cluster,
            bump: self.bumpRevision.map { .by($0) } ?? .fromEvidence, marksCompacted: self.markCompacted)
        request.skipsHashCheck = self.skipHashCheck
        request.allowsForeignSources = self.allowForeignSources
        request.allowsDamagedLog = self.allowDamagedLog
        return request
    }

    func run(
        from sources: [String], to target: RestoreTarget, _ output: Output, disk: any Disk
    ) throws(CommandError) {
        let request = try self.request(from: sources, to: target)
        let report = try output.run { progress throws(RecoveryError) in
            try Recovery.Restore.run(request, disk: disk, progress: progress)
        }
        if self.json {
            output.print(report.node)
        } else {
            output.print(RestoreReportView.lines(report, style: output.terminal.style))
        }
    }
}
