/*
 * Watching a folder: reports each file that comes into it, once.
 *
 * A file is new when its name, inode, size and mtime have not been seen together before. On shared
 * file systems, where inode numbers may change, the inode does not count. What was reported, or was
 * there at the beginning, is remembered as a mark of 64 bits.
 *
 * A committed file (lookup_is_committed()) is reported at once. One that somebody copies into the
 * library is reported when the kernel says that its writer has closed it, or that it was moved in.
 * Where the kernel cannot say so, it is reported when it has not changed for a second: where there
 * is no inotify(7), after notices were lost, and in a folder that was just made, in which files may
 * have been closed before it was watched.
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
    const char *folder; /* whose files to report, at any depth; it need not exist. NULL: all */
    bool is_file;       /* `folder` is the name of a file, and only that file is reported */
    bool existing;      /* first report the files that are there, even those still being written */

    /* As in struct list_query; each `entry` is a file, with details. `batch_end` may be NULL. */
    bool (*is_visible)(void *context, const char *name);
    int (*entry)(void *context, const struct list_entry *entry);
    int (*batch_end)(void *context);
    /* As in struct list_query, but called once for each name. */
    int (*unreadable)(void *context, const char *name);
    void *context;
};

/* Why files are looked at, which decides what happens to those that are not committed. */
enum watch_reason {
    WATCH_BEGINS,   /* at the start: they count as seen, or are reported with `existing` */
    WATCH_CREATED,  /* a name was created: ignored, a notice follows when the writer closes it */
    WATCH_COMPLETE, /* closed, or moved in: reported */
    WATCH_FOUND,    /* found in a folder that was just made: ignored, and all is scanned soon */
    WATCH_SCANNED,  /* found by a scan: reported when the next one finds them unchanged */
};

struct watch {
    const struct library *library;
    const struct watch_query *query;
    struct notices notices; /* `notices.fd` is readable when there is something to look at, or -1 */
    struct seen seen;       /* marks of the files that were reported or need not be */
    struct seen before;     /* the same, until the scan that is under way began */
    struct seen unreadable; /* marks of what was reported as such */
    char folder[NAME_LONGEST + 2]; /* the folder that is watched, as for notices_add() */
    enum watch_reason reason;      /* of the look that is under way */
    bool by_inode;
    bool is_unsettled; /* the scan found files that may still be written to */
    int scans_left;    /* how often to scan all files although there are notices */
    size_t present;    /* marks after the last scan */
    int64_t scanned_ms;
    int64_t pause_ms; /* from then until the next scan, at least */
    int64_t scan_us;  /* what the last scan took of a processor */
    int64_t scanning; /* how many watches scan now and then and share a processor; the caller's */
};

/*
 * Starts watching, and looks at what is there. Everything that is committed from now on will be
 * reported. The query must live as long as the watch. Returns 0 or a reason; call watch_close() in
 * either case.
 */
int watch_open(struct watch *watch, const struct library *library, const struct watch_query *query);
void watch_close(struct watch *watch);

/*
 * Reports files that have come. Returns 0, a reason, or what a function of the query has returned.
 */
int watch_look(struct watch *watch);

/* Milliseconds after which to look even if there are no notices; INT64_MAX for never. */
int64_t watch_wait_ms(const struct watch *watch);

#endif
