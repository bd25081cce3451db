/*
 * Entries of a listing, kept in memory to be sorted: in 64 MiB at most, what sorting takes
 * included.
 */
#ifndef CLI_ENTRIES_H
#define CLI_ENTRIES_H

#include <stddef.h>
#include <stdint.h>

#include "cli/listing.h"

/* What of an entry is kept. */
enum entries_kept {
    ENTRIES_NAMES,
    ENTRIES_DETAILS, /* size and mtime too */
    ENTRIES_ALL,     /* digest and client too */
};

struct entries {
    enum entries_kept kept;
    char *region;   /* the entries from its start on, their index from its end down */
    size_t used;    /* bytes of entries */
    size_t count;   /* of entries */
    uint32_t *refs; /* the index: where each entry begins in the region */
};

/* Returns 0, or -REASON_INTERNAL without memory. Also then entries_free() is to be called. */
int entries_begin(struct entries *entries, enum entries_kept kept);
void entries_free(struct entries *entries);

/* Keeps a copy of an entry. Returns 0, or -REASON_INTERNAL when there is no room left for it. */
int entries_add(struct entries *entries, const struct entry *entry);

/* The same as a listing_sink, whose context is a struct entries. */
int entries_keep(void *entries, const struct entry *entry, struct failure *failure);

/*
 * Begins with a listing, in the order of the names, for which it makes as many attempts as the
 * settings say. Returns 0 or a reason, -REASON_EMPTY among them. Also then entries_free() is to be called.
 */
int entries_read(struct entries *entries, enum entries_kept kept, struct connection *connection,
                 const struct listing_request *request);

/* Sorts by the bytes of the names. Returns a name that is there twice, or NULL. */
const char *entries_sort(struct entries *entries);

/*
 * Sorts by time, the newest first, or by size, the largest first; then by name. Folders are last.
 */
void entries_sort_by_time(struct entries *entries);
void entries_sort_by_size(struct entries *entries);

/* The entry at a place of the order. Its texts live as long as `entries`. */
void entries_get(const struct entries *entries, size_t place, struct entry *ret);

#endif
