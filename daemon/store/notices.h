/*
 * Notices: what happens to the names in some folders of a library (inotify(7)).
 *
 * A user may have few instances of inotify, so all sessions of a daemon share one, which the notifier
 * has (daemon/notifier.h). This is how they talk; all messages are one int, over SOCK_SEQPACKET:
 *
 *   session                                      notifier
 *   0 and one end of a pair of sockets, over     0 and the end of a pipe, over that pair: from it the
 *   `notifier` of struct library                 session reads what it would read from inotify
 *   0 and the descriptor of a folder             the number of its watch, or the negative of errno
 *   the number of a watch that is to end         no answer
 *
 * Without a notifier, `notifier` is -1, and the session has an instance of its own.
 *
 * There are no notices where the system or the notifier has no more watches to give, without /proc,
 * and on file systems that other machines may write to. Then `fd` is -1, and the caller has to look
 * every NOTICES_POLL_MS, or less often. Any call may find that out and set it to -1.
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
    unsigned round; /* the last one in which it was added */
    char *folder;   /* as in notices_add() */
};

struct notices {
    const struct library *library;
    int fd;       /* readable when there are some; -1 for none */
    int notifier; /* the socket over which watches are asked for; -1: `fd` is that of inotify */
    bool is_lost; /* the notifier has ended, and another was asked for */
    unsigned round;
    struct noticed *folders; /* sorted by their numbers */
    size_t count, room;
    size_t at, length; /* of what was read; its last notice may still be cut off */
    char buffer[NOTICES_BUFFER] __attribute__((aligned(__alignof__(struct inotify_event))));
};

struct notice {
    bool some_lost;        /* notices were lost: everything has to be looked at again */
    const char *folder;    /* as in notices_add() */
    const char *component; /* the name in it */
    bool is_folder;
    bool is_changed;  /* owner or mode: a folder that could not be read may be readable now */
    bool is_gone;     /* it was moved away; removal alone is not reported */
    bool is_complete; /* it was moved there, or its writer has closed it */
};

/* Opening and adding wait for the notifier, but not for long. */
void notices_open(struct notices *notices, const struct library *library);
void notices_close(struct notices *notices);

/*
 * Watches a folder: "" for the library, else its name with a '/' after it. A folder that does not
 * exist or cannot be read is skipped. A folder that was added under another name has the new name
 * from now on. Returns true if it was not watched before.
 */
bool notices_add(struct notices *notices, const char *folder);

/*
 * Watches all folders on the way to a name or a folder, the library first. A client may know names
 * in a folder that cannot be read; as that cannot be watched, there are no notices then.
 */
void notices_add_way(struct notices *notices, const char *name);

/* Stops watching a folder and all below it. Not to be called during a round. */
void notices_remove(struct notices *notices, const char *folder);

/* A round adds all folders again. At its end those that were not added are no longer watched. */
void notices_begin_round(struct notices *notices);
void notices_end_round(struct notices *notices);

/* Reads what there is, as much as the buffer holds. Waits only for a new notifier. */
void notices_read(struct notices *notices);

/* Watches an open folder. Returns as inotify_add_watch(2). */
int notices_watch(int inotify, int folder);

/* Would anybody who reads notices do something about this one? */
bool notices_is_news(const struct inotify_event *event);

/* Takes the next of what was read. Its texts are valid until the next call of any of these. */
bool notices_next(struct notices *notices, struct notice *ret);

#endif
