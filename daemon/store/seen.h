/*
 * Sets of 64-bit marks of what has been seen, at 9 to 19 bytes each.
 */
#ifndef STORE_SEEN_H
#define STORE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins as {0}, the empty set. */
struct seen {
    uint64_t *slots; /* 0 for none */
    size_t room;     /* a power of 2, or 0 */
    size_t count;    /* of marks */
};

bool seen_has(const struct seen *seen, uint64_t mark);

/*
 * Adds a mark, which is not 0; again does nothing. Returns 0, or -REASON_INTERNAL without memory.
 */
int seen_add(struct seen *seen, uint64_t mark);

void seen_free(struct seen *seen);

#endif
