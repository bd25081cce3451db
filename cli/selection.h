/*
 * Selections: which of the files of a listing a command is about, by their age, size and order of time.
 */
#ifndef CLI_SELECTION_H
#define CLI_SELECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "cli/entries.h"
#include "cli/options.h"

struct selection {
    bool has_older, has_newer;
    struct timespec older; /* only files stored before this time */
    struct timespec newer; /* only files stored at this time or later */
    int64_t larger_than;   /* bytes; -1: any size */
    int64_t smaller_than;  /* bytes; -1: any size */
    int64_t newest;        /* only so many files, the newest; -1: all */
    int64_t keep;          /* all but so many, the newest */
    bool needs_details;    /* sizes and times must be listed */
};

/* Reads it from the options. Ages count from now. Returns 0 or -REASON_USAGE. */
int selection_read(struct selection *selection, const struct options *options,
                   struct failure *failure);

/* Is this a file of the age and size that are wanted? */
bool selection_wants(const struct selection *selection, const struct entry *entry);

/*
 * Removes all others from a listing, which stays sorted by name: first the newest that are to be kept,
 * then those that selection_wants() does not want, then all but the newest. The order of time is
 * that of entries_sort_by_time(). Returns 0, or -REASON_BREACH if the server does not report a time or
 * size that is needed: then nothing is removed.
 */
int selection_apply(const struct selection *selection, struct entries *entries,
                    struct failure *failure);

#endif
