/*
 * Reading files as they are on the disk, not as they are in the page cache, at a limited rate; and
 * showing on a terminal how much was read.
 */
#ifndef SCRUB_READER_H
#define SCRUB_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/digest.h"

struct reader {
    int64_t rate;        /* bytes per second; 0: as fast as possible */
    int64_t free_ns;     /* when the rate allows the next read, on the monotonic clock */
    size_t chunk;        /* bytes that are read at a time */
    char *buffer;        /* of such a chunk */
    bool has_progress;   /* stderr is a terminal, on which progress is shown */
    int64_t total, done; /* bytes that are to be read, set by the caller; and were read */
    int64_t began_ms;    /* when the first bytes had come */
    int64_t shown_ms;    /* when progress was last shown */
};

/* Calls abort(3) if there is no memory. reader_close() frees what the reader owns. */
void reader_open(struct reader *reader, int64_t rate);
void reader_close(struct reader *reader);

/*
 * Makes the digest of a regular file of `size` bytes. Returns how many bytes of it were there, or
 * -1 with errno set. A file that has grown may give more. The descriptor may have O_DIRECT
 * afterwards.
 */
int64_t reader_digest(struct reader *reader, int fd, int64_t size, char ret_text[DIGEST_ROOM]);

/* Clears the progress, to print something else on the line. */
void reader_clear_line(const struct reader *reader);

#endif
