#ifndef QUORATE_PLATFORM_H
#define QUORATE_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/// Whether this processor has the CRC-32C instruction.
int quorate_crc32c_available(void);

/// Continues a CRC-32C (Castagnoli) over `count` bytes. Only where `quorate_crc32c_available()`.
uint32_t quorate_crc32c(uint32_t crc, const void *bytes, size_t count);

/// Takes an exclusive lock on an open file that ends with its last closing: an open-file-description lock, or `flock`
/// where the file system has none. Returns 0, or an error number (`EAGAIN` when another holder has it).
int quorate_try_lock(int descriptor);

/// The same with `flock` alone, which excludes none of the other kind.
int quorate_try_flock(int descriptor);

/// Gives up locks of either kind. Closing alone does not while the file is mapped.
void quorate_unlock(int descriptor);

/// Reserves the first `size` bytes of an open file, which grows to it. Returns 0, or an error number.
int quorate_allocate(int descriptor, int64_t size);

/// Tells the processor that an address will be read soon. Any address will do: nothing is read.
static inline void quorate_prefetch(const void *address) {
    __builtin_prefetch(address);
}

/// Names the calling thread, as debuggers and `ps` show it: at most 15 bytes.
void quorate_name_thread(const char *name);

#endif
