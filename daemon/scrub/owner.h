/*
 * The owner of a library: whom root is while it changes something there, so that what it makes is
 * not in the way of the daemon, and what it does cannot be led astray by that user.
 */
#ifndef SCRUB_OWNER_H
#define SCRUB_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

struct owner {
    bool is_other; /* this process is root, and the library is somebody else's */
    uid_t uid;
    gid_t gid;
};

/* Finds the owner of the library's .fsd, or of the library where there is none yet. 0 or -1. */
int owner_find(const char *library, struct owner *ret);

/* Root becomes the owner, until owner_leave(); anybody else stays who it is. Returns 0 or -1. */
int owner_become(const struct owner *owner);
void owner_leave(const struct owner *owner);

#endif
