/*
 * Sets of 64-bit marks, at 9 to 19 bytes each.
 */
#ifndef STORE_SEEN_H
#define STORE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* {0} is the empty set. */
struct seen {
    uint64_t *slots; /* 0 in a free one */
    size_t room;     /* a power of 2, or 0 */
    size_t count;    /* marks in it */
};

bool seen_has(const struct seen *seen, uint64_t mark);

/* Adds a mark, which is not 0. Returns 0, or -REASON_INTERNAL without memory. */
int seen_add(struct seen *seen, uint64_t mark);

void seen_free(struct seen *seen);

#endif
