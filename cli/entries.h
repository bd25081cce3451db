/*
 * Entries of a listing, kept in memory to be sorted. They take at most 64 MiB, with what sorting
 * needs.
 */
#ifndef CLI_ENTRIES_H
#define CLI_ENTRIES_H

#include <stddef.h>
#include <stdint.h>

#include "cli/listing.h"

/* What is kept of an entry. */
enum entries_kept {
    ENTRIES_NAMES,
    ENTRIES_DETAILS, /* size and mtime too */
    ENTRIES_ALL,     /* digest and client too */
};

struct entries {
    enum entries_kept kept;
    char *region;   /* holds the entries from its start up, their index from its end down */
    size_t used;    /* bytes of the entries */
    size_t count;   /* of the entries */
    uint32_t *refs; /* the index: the offset of each entry in the region */
};

/* Returns 0, or -REASON_INTERNAL with errno set. In either case entries_free() must be called. */
int entries_begin(struct entries *entries, enum entries_kept kept);
void entries_free(struct entries *entries);

/* Keeps a copy of an entry. Returns 0, or -REASON_INTERNAL if there is no room for it. */
int entries_add(struct entries *entries, const struct entry *entry);

/* The same as a listing_sink whose context is a struct entries. */
int entries_keep(void *entries, const struct entry *entry, struct failure *failure);

/*
 * Begins with a listing, sorted by name, and makes as many attempts as the settings say. Returns 0
 * or a negative reason, also -REASON_EMPTY. After -REASON_INCOMPLETE, too, what was listed is there,
 * sorted. In either case entries_free() must be called.
 */
int entries_read(struct entries *entries, enum entries_kept kept, struct connection *connection,
                 const struct listing_request *request);

/* Sorts by the bytes of the names. Returns a name that occurs twice, or NULL. */
const char *entries_sort(struct entries *entries);

/*
 * Finds the file of that name in a listing of all that is below one of its folders, sorted by name.
 * Returns 0, -REASON_NOT_FOUND, or -REASON_NOT_A_FILE for a folder and what is below a file.
 */
int entries_find(const struct entries *entries, const char *name, struct entry *ret);

/*
 * The same for a file in the library: begins with a listing of that name. `ret` may be NULL. Returns
 * as entries_read() and entries_find(). In either case entries_free() must be called.
 */
int entries_find_file(struct entries *entries, struct connection *connection, const char *name,
                      struct entry *ret);

/* Sort by time, newest first, or by size, largest first; then by name. Folders come last. */
void entries_sort_by_time(struct entries *entries);
void entries_sort_by_size(struct entries *entries);

/* The bytes of all files together; -1: their sizes are not known. */
int64_t entries_size(const struct entries *entries);

/* Gets the entry at a place in the order. Its texts live as long as `entries`. */
void entries_get(const struct entries *entries, size_t place, struct entry *ret);

#endif
