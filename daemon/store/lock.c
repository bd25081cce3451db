#include "daemon/store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/digest.h"

enum {
    HASH_DIGITS = 15, /* of the hash of a name choose its byte: no more fit into an offset */
    HEXADECIMAL = 16,
    TRIES = 100, /* how often the file may be removed while its lock is waited for */
    WAIT_MS = 30000,
    PAUSE_LONGEST_MS = 16,
};

/* Open for writing, though nothing is written: NFS needs that for an exclusive lock. */
static int open_file(const struct library *library, bool make)
{
    int own = library_own(library);

    return own < 0
               ? -1
               : library_open_closed(library, own, LIBRARY_LOCK, make ? O_RDWR | O_CREAT : O_RDWR);
}

/*
 * Asks again and again: F_OFD_SETLKW knows no limit, and who holds the lock may be stopped, or on a
 * machine that is gone. Returns 0, or -1 with errno set.
 */
static int await_lock(int fd, struct flock *lock, int64_t until_ms, const atomic_bool *cancelled)
{
    int64_t pause_ms = 1;

    while (fcntl(fd, F_OFD_SETLK, lock) < 0) {
        if (errno != EAGAIN && errno != EINTR)
            return -1;
        bool is_cancelled = cancelled != NULL && atomic_load(cancelled);
        if (is_cancelled || clock_ms() >= until_ms) {
            errno = is_cancelled ? ECANCELED : EAGAIN;
            return -1;
        }
        (void)poll(NULL, 0, (int)pause_ms);
        pause_ms = pause_ms < PAUSE_LONGEST_MS ? 2 * pause_ms : pause_ms;
    }
    return 0;
}

int lock_name(const struct library *library, const char *name, int operation,
              const atomic_bool *cancelled)
{
    int64_t until_ms = clock_ms() + WAIT_MS;
    struct flock lock = {
        .l_type = operation == LOCK_EX ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_len = 1};
    char hash[DIGEST_ROOM];
    char digits[HASH_DIGITS + 1];

    (void)digest_of_bytes(name, strlen(name), hash);
    (void)snprintf(digits, sizeof digits, "%.*s", HASH_DIGITS, digest_hex(hash));
    lock.l_start = (off_t)strtoll(digits, NULL, HEXADECIMAL);
    for (int tries = 0; tries < TRIES; tries++) {
        int fd = open_file(library, true);
        int code = fd < 0 ? -1 : await_lock(fd, &lock, until_ms, cancelled);
        /* If somebody has removed the file or .fsd meanwhile, others lock the next one. */
        int own = code == 0 ? library_own(library) : -1;
        if (own >= 0 && descriptor_is_named(fd, own, LIBRARY_LOCK))
            return fd;
        descriptor_close(fd);
        if (code < 0)
            return -1;
    }
    errno = ENOENT;
    return -1;
}

int lock_prepare(const struct library *library, bool make)
{
    int fd = open_file(library, make);

    descriptor_close(fd);
    return fd < 0 && (make || errno != ENOENT) ? -1 : 0;
}
