#include "daemon/scrub/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCK = 4096,        /* what O_DIRECT wants memory, offsets and lengths to be multiples of */
    CHUNK = 1024 * 1024, /* a multiple of it */
    CHUNKS_A_SECOND = 4, /* at least, where the rate allows that with a block */
};

#define SECOND INT64_C(1000000000)

/* Sleeps for as long as these bytes may take. */
static void keep_rate(struct reader *reader, int64_t length)
{
    struct timespec now;

    if (reader->rate == 0)
        return;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_ns = now.tv_sec * SECOND + now.tv_nsec;
    /* What was not read before is not made up for. */
    if (reader->free_ns < now_ns)
        reader->free_ns = now_ns;
    reader->free_ns += length * SECOND / reader->rate;
    const struct timespec then = {.tv_sec = reader->free_ns / SECOND,
                                  .tv_nsec = reader->free_ns % SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
        continue;
}

static bool set_direct(int fd, bool direct)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

/*
 * Lets the page cache forget a part of the file; 0 bytes are all up to its end. O_DIRECT alone is
 * no promise: some file systems take it, and read compressed or journalled files by the cache all
 * the same.
 */
static void forget(int fd, int64_t offset, int64_t length)
{
    (void)posix_fadvise(fd, offset, length, POSIX_FADV_DONTNEED);
}

/*
 * Some file systems want larger blocks for O_DIRECT, and none goes on in the middle of one, as
 * behind a read that was short: they say EINVAL, and the rest is read by the cache.
 */
static ssize_t read_chunk(const struct reader *reader, int fd, bool *is_direct, int64_t offset)
{
    for (;;) {
        ssize_t got = pread(fd, reader->buffer, reader->chunk, offset);
        if (got >= 0 || (errno != EINTR && (errno != EINVAL || !*is_direct)))
            return got;
        if (errno == EINVAL)
            *is_direct = !set_direct(fd, false);
    }
}

void reader_open(struct reader *reader, int64_t rate, struct progress *progress)
{
    size_t chunk = CHUNK;

    if (rate > 0 && rate / CHUNKS_A_SECOND < CHUNK)
        chunk = (size_t)(rate / CHUNKS_A_SECOND) / BLOCK * BLOCK;
    *reader = (struct reader){.rate = rate,
                              .chunk = chunk > 0 ? chunk : BLOCK,
                              .buffer = aligned_alloc(BLOCK, CHUNK),
                              .progress = progress};
    if (reader->buffer == NULL)
        abort();
}

void reader_close(struct reader *reader)
{
    free(reader->buffer);
}

int64_t reader_digest(struct reader *reader, int fd, int64_t size, char ret_text[DIGEST_ROOM])
{
    struct digest digest;
    int64_t offset = 0;
    ssize_t got = 0;

    digest_begin(&digest);
    forget(fd, 0, 0);
    bool is_direct = set_direct(fd, true);
    while (offset < size && (got = read_chunk(reader, fd, &is_direct, offset)) > 0) {
        forget(fd, offset, got);
        digest_add(&digest, reader->buffer, (size_t)got);
        offset += got;
        progress_add(reader->progress, got);
        keep_rate(reader, got);
    }
    int error = errno;
    forget(fd, 0, 0);
    errno = error;
    if (got < 0)
        return -1;
    digest_finish(&digest, ret_text);
    return offset;
}
