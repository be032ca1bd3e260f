#if QUORATE_PLANTED_BUGS
    /// A mistake that a run of a member makes on purpose, so that it is known to be found. In no build that is not made for
    /// that: `scripts/planted`.
    public enum PlantedBug: String, Sendable, Hashable, CaseIterable {
        // Consensus
        case votesTwice, votesForShorterLogs, commitsWithoutMajority, replacesWhatItHas
        case readsUnconfirmed, readsBeforeItsTerm, acknowledgesMoreThanItHas
        // The disk
        case answersBeforeSync, forgetsHardState, forgetsVote, sendsOldDatabase, appliedIndexLate
        // The member
        case readsLocally, repeatsRequestIDs
        // The store
        case compactsTooMuch, membersDiffer, forgetsDeletions, deletesWithoutPrevious
        // Watches
        case watchSkipsOnResume, watchRepeatsOnResume, tellsProgressEarly, watchesLostWithSnapshot
    }
#endif
