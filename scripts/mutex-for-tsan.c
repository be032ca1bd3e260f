// What ThreadSanitizer cannot see of Swift's Mutex. Its uncontended path is compiled into whoever uses it, and seen; where
// threads contend, it calls these two functions of a standard library that is not instrumented, and what orders the threads
// is lost. These stand in front of them, tell the sanitizer, and call them: nothing is suppressed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *

// Tools of the build that are not sanitized have no such functions.
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

SWIFT void quorate_lock_slow(uint32_t thread, SELF self) __asm__(LOCK);
SWIFT void quorate_unlock_slow(SELF self) __asm__(UNLOCK);

SWIFT void quorate_lock_slow(uint32_t thread, SELF self) {
    SWIFT void (*next)(uint32_t, SELF) = (SWIFT void (*)(uint32_t, SELF))dlsym(RTLD_NEXT, LOCK);
    next(thread, self);
    if (__tsan_acquire) __tsan_acquire(self);
}

SWIFT void quorate_unlock_slow(SELF self) {
    if (__tsan_release) __tsan_release(self);
    SWIFT void (*next)(SELF) = (SWIFT void (*)(SELF))dlsym(RTLD_NEXT, UNLOCK);
    next(self);
}
