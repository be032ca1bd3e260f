internal import Glibc

/// `clock_gettime(CLOCK_REALTIME)`: seconds since the epoch, and the nanoseconds beside them.
func realTime() -> (seconds: Int64, nanoseconds: Int64) {
    var time = timespec()
    let result = unsafe clock_gettime(CLOCK_REALTIME, &time)
    precondition(result == 0, "clock_gettime(CLOCK_REALTIME) failed")
    return (Int64(time.tv_sec), Int64(time.tv_nsec))
}
