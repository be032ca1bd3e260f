#define _GNU_SOURCE
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#if defined(__x86_64__)

#include <nmmintrin.h>

int quorate_crc32c_available(void) {
    return __builtin_cpu_supports("sse4.2") != 0;
}

__attribute__((target("sse4.2")))
uint32_t quorate_crc32c(uint32_t crc, const void *bytes, size_t count) {
    const unsigned char *next = bytes;
    uint64_t value = ~crc;
    for (; count >= 8; next += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        value = _mm_crc32_u64(value, word);
    }
    for (; count > 0; next += 1, count -= 1) {
        value = _mm_crc32_u8((uint32_t)value, *next);
    }
    return ~(uint32_t)value;
}

#else

int quorate_crc32c_available(void) {
    return 0;
}

uint32_t quorate_crc32c(uint32_t crc, const void *bytes, size_t count) {
    (void)bytes;
    (void)count;
    return crc;
}

#endif

int quorate_try_lock(int descriptor) {
    int result;
#if defined(F_OFD_SETLK)
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0, .l_pid = 0};
    do {
        result = fcntl(descriptor, F_OFD_SETLK, &whole);
    } while (result != 0 && errno == EINTR);
    if (result == 0) return 0;
    if (errno == EACCES) return EAGAIN;
    if (errno != EINVAL && errno != ENOLCK && errno != EOPNOTSUPP) return errno;
#endif
    return quorate_try_flock(descriptor);
}

int quorate_try_flock(int descriptor) {
    int result;
    do {
        result = flock(descriptor, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

void quorate_unlock(int descriptor) {
#if defined(F_OFD_SETLK)
    struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0, .l_pid = 0};
    fcntl(descriptor, F_OFD_SETLK, &whole);
#endif
    flock(descriptor, LOCK_UN);
}

int quorate_allocate(int descriptor, int64_t size) {
    int result;
    do {
        result = fallocate(descriptor, 0, 0, size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

void quorate_name_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
}
