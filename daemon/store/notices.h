/*
 * Notices: what happens to the names in some folders of a library (inotify(7)).
 *
 * There are none where the system has no more of them to give, without /proc, and on file systems
 * that other machines may write to: `fd` is -1 then, also from one call to the next, and one has to
 * look for oneself, every NOTICES_POLL_MS.
 */
#ifndef STORE_NOTICES_H
#define STORE_NOTICES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/inotify.h>

#include "daemon/store/library.h"

enum {
    NOTICES_POLL_MS = 1000,
    NOTICES_BUFFER = 8192, /* bytes of notices that are read at a time */
};

/* A folder that is watched. */
struct noticed {
    int number;     /* of its watch */
    unsigned round; /* the last one that it was added in */
    char *folder;   /* as notices_add() has it */
};

struct notices {
    const struct library *library;
    int fd; /* readable when there are some */
    unsigned round;
    struct noticed *folders; /* in the order of their numbers */
    size_t count, room;
    size_t at, length; /* of what was read */
    char buffer[NOTICES_BUFFER] __attribute__((aligned(__alignof__(struct inotify_event))));
};

struct notice {
    bool some_lost;        /* what it was nobody knows: all has to be looked at again */
    const char *folder;    /* as above */
    const char *component; /* in it */
    bool is_folder;
    bool is_changed; /* its owner or mode: a folder that could not be read may be readable now */
    bool is_gone;    /* it was moved away; what is merely removed is not told of */
    bool is_whole;   /* it was moved there, or whoever wrote to it has closed it */
};

void notices_open(struct notices *notices, const struct library *library);
void notices_close(struct notices *notices);

/*
 * From now on what happens in a folder is told: "" for the library, else its name with '/' behind
 * it. One that is not there, or cannot be read, is passed over; of one that was added by another
 * name the new one counts. Returns whether nothing was told of it before.
 */
bool notices_add(struct notices *notices, const char *folder);

/*
 * The same for all folders on the way to a name or a folder, the library first. Of one that cannot
 * be read there may still be news for whoever knows the names in it, and so there are no notices
 * then.
 */
void notices_add_way(struct notices *notices, const char *name);

/* Lets go of a folder, as above, and of all below it. */
void notices_remove(struct notices *notices, const char *folder);

/* Between these all folders are added again; of the others it lets go. */
void notices_begin_round(struct notices *notices);
void notices_end_round(struct notices *notices);

/* Reads what there is, as much as the buffer holds. Never waits. */
void notices_read(struct notices *notices);

/* Drops all that there are. */
void notices_drop(struct notices *notices);

/* The next one of what was read; its texts live until the next call of any of these. */
bool notices_next(struct notices *notices, struct notice *ret);

#endif
