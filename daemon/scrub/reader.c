#include "daemon/scrub/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "settings/quantity.h"

enum {
    BLOCK = 4096,        /* what O_DIRECT wants memory, offsets and lengths to be multiples of */
    CHUNK = 1024 * 1024, /* a multiple of it */
    CHUNKS_A_SECOND = 4, /* at least, unless a chunk is a single block */
    PROGRESS_MS = 500,   /* between two times that progress is shown */
};

#define SECOND INT64_C(1000000000)

/* Sleeps until the rate allows more bytes than these. Time lost on a slow disk is not made up for. */
static void keep_rate(struct reader *reader, int64_t length)
{
    struct timespec now;

    if (reader->rate == 0)
        return;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_ns = now.tv_sec * SECOND + now.tv_nsec;
    if (reader->free_ns < now_ns)
        reader->free_ns = now_ns;
    reader->free_ns += length * SECOND / reader->rate;
    const struct timespec then = {.tv_sec = reader->free_ns / SECOND,
                                  .tv_nsec = reader->free_ns % SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
        continue;
}

static void show_progress(struct reader *reader)
{
    char done[QUANTITY_ROOM];
    char total[QUANTITY_ROOM];
    char rate[QUANTITY_ROOM];
    int64_t now_ms = clock_ms();
    int64_t ms = now_ms - reader->began_ms;
    int64_t all = reader->total > reader->done ? reader->total : reader->done;
    double each = (double)reader->done / (double)(ms > 0 ? ms : 1);

    if (now_ms - reader->shown_ms < PROGRESS_MS)
        return;
    reader->shown_ms = now_ms;
    /* \033[K clears the rest of the line (console_codes(4)). */
    (void)fprintf(stderr, "\r%s of %s bytes, %d %%, %s bytes/s\033[K",
                  quantity_print_human(reader->done, done), quantity_print_human(all, total),
                  all > 0 ? (int)((double)reader->done * 100 / (double)all) : 100,
                  quantity_print_human((int64_t)(each * 1000), rate));
}

static bool set_direct(int fd, bool direct)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

/*
 * Makes the page cache forget a part of the file; 0 bytes mean all up to its end. O_DIRECT alone
 * does not suffice: some file systems accept it, but read compressed or journalled files through
 * the cache.
 */
static void forget(int fd, int64_t offset, int64_t length)
{
    (void)posix_fadvise(fd, offset, length, POSIX_FADV_DONTNEED);
}

void reader_open(struct reader *reader, int64_t rate)
{
    size_t chunk = CHUNK;

    if (rate > 0 && rate / CHUNKS_A_SECOND < CHUNK)
        chunk = (size_t)(rate / CHUNKS_A_SECOND) / BLOCK * BLOCK;
    *reader = (struct reader){.rate = rate,
                              .chunk = chunk > 0 ? chunk : BLOCK,
                              .buffer = aligned_alloc(BLOCK, CHUNK),
                              .has_progress = isatty(STDERR_FILENO) == 1};
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
    while (offset < size) {
        got = pread(fd, reader->buffer, reader->chunk, offset);
        if (got < 0 && errno == EINTR)
            continue;
        /*
         * With O_DIRECT some file systems want larger blocks, and none continues in the middle of a
         * block, as after a short read. They fail with EINVAL or so; the rest is read through the cache.
         */
        if (got < 0 && descriptor_lacks_call(errno) && is_direct) {
            is_direct = !set_direct(fd, false);
            continue;
        }
        if (got <= 0)
            break;

        forget(fd, offset, got);
        digest_add(&digest, reader->buffer, (size_t)got);
        offset += got;
        if (reader->has_progress && reader->done == 0)
            reader->began_ms = clock_ms();
        reader->done += got;
        if (reader->has_progress)
            show_progress(reader);
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

void reader_clear_line(const struct reader *reader)
{
    if (reader->has_progress)
        (void)fputs("\r\033[K", stderr);
}
