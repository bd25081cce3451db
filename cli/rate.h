/*
 * Rates: at most so many bytes a second, evenly, over all that is sent and received. A pure token
 * bucket: the caller has the clock, and waits.
 */
#ifndef CLI_RATE_H
#define CLI_RATE_H

#include <stddef.h>
#include <stdint.h>

enum {
    RATE_LEAST = 1024,   /* bytes a second; servers give up slower clients */
    RATE_PIECE_MS = 50,  /* in which one piece may be moved */
    RATE_BEHIND_MS = 100 /* of time that passed unused and may be made up for */
};

/* Begins as {.per_second}. */
struct rate {
    int64_t per_second; /* bytes; 0: no limit */
    int64_t due_us;     /* on the caller's clock: when the bytes so far have had their time */
};

/* How many bytes should be moved at once, of at most `most`? At least 1. */
size_t rate_piece(const struct rate *rate, size_t most);

/* Counts bytes that were moved. */
void rate_count(struct rate *rate, size_t bytes, int64_t now_ms);

/* How long to wait before the next piece, in milliseconds; 0: not at all. */
int64_t rate_wait_ms(const struct rate *rate, int64_t now_ms);

#endif
