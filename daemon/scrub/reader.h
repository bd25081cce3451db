/*
 * Reading files as they are on the disk, past the page cache, and no faster than wanted.
 */
#ifndef SCRUB_READER_H
#define SCRUB_READER_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/scrub/progress.h"
#include "protocol/digest.h"

struct reader {
    int64_t rate;              /* bytes per second; 0: as fast as can be */
    int64_t free_ns;           /* when the rate allows to read on, on the monotonic clock */
    size_t chunk;              /* bytes that are read at a time */
    char *buffer;              /* of such a chunk */
    struct progress *progress; /* is told of each */
};

/* Ends the program by abort(3) when there is no memory. reader_close() frees what it owns. */
void reader_open(struct reader *reader, int64_t rate, struct progress *progress);
void reader_close(struct reader *reader);

/*
 * The digest of a regular file of that size. Returns how many bytes were there of it, or -1 with
 * errno set; of a file that has grown meanwhile there may be more. The descriptor may have O_DIRECT
 * then.
 */
int64_t reader_digest(struct reader *reader, int fd, int64_t size, char ret_text[DIGEST_ROOM]);

#endif
