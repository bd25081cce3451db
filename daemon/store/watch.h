/*
 * Watching: which files come into a folder, each of them once.
 *
 * A file is told apart from others by its name, inode, size and mtime; on shared file systems,
 * whose inodes may have passing numbers, without that. What was told, or was there at the
 * beginning, is remembered as marks of 64 bits.
 */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/library.h"
#include "daemon/store/list.h"
#include "daemon/store/notices.h"
#include "daemon/store/seen.h"
#include "protocol/name.h"

struct watch_query {
    const char *folder; /* whose files to tell of, at any depth; it need not be there. NULL: all */
    bool existing;      /* tell first of those that are there */

    /* As those of struct list_query; each `entry` is a file, with details. */
    bool (*is_visible)(void *context, const char *name);
    int (*entry)(void *context, const struct list_entry *entry);
    int (*batch_end)(void *context);
    void *context;
};

/* How a file is judged that was not told of before. */
enum watch_look {
    WATCH_FIRST,   /* it was there at the beginning */
    WATCH_ALL,     /* it was found: one that is not committed may still be written to */
    WATCH_FOLDER,  /* the same, in a folder that has just come */
    WATCH_CREATED, /* its name has just come: one that is not committed will be closed */
    WATCH_WHOLE,   /* it was closed, or moved there */
};

struct watch {
    const struct library *library;
    const struct watch_query *query;
    struct notices notices; /* its `fd` tells when to look; -1: only the time does */
    struct seen seen;
    struct seen before;            /* while all is looked at: what was seen until then */
    char folder[NAME_LONGEST + 2]; /* as notices_add() has it */
    enum watch_look look;
    bool by_inode;
    bool some_lost;    /* of what happened until now not all was noticed */
    bool is_unsettled; /* some were found that may still be written to */
    int looks_left;    /* how often all has to be looked at, besides what notices tell */
    size_t present;    /* marks, after the last time that all was looked at */
    int64_t looked_ms; /* when that was */
    int64_t pause_ms;  /* until the next time, at least */
};

/*
 * Begins, and looks at what is there; all that is committed from now on will be told of. The query
 * has to live as long. Returns 0 or a reason; watch_close() is to be called in any case.
 */
int watch_open(struct watch *watch, const struct library *library, const struct watch_query *query);
void watch_close(struct watch *watch);

/*
 * Tells of files that have come. Returns 0, a reason, or what the query's functions have returned.
 */
int watch_look(struct watch *watch);

/* In how many milliseconds to look, also when there are no notices; INT64_MAX for never. */
int64_t watch_wait_ms(const struct watch *watch);

#endif
