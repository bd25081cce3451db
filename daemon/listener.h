/*
 * Listeners: the sockets on which clients come.
 */
#ifndef DAEMON_LISTENER_H
#define DAEMON_LISTENER_H

#include <poll.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/settings.h"

enum {
    LISTENER_SOCKETS_MOST = 2 * SETTINGS_LISTEN_MOST, /* "localhost" may be two addresses */
};

struct listener {
    size_t count;
    struct pollfd sockets[LISTENER_SOCKETS_MOST];
    struct {
        const char *path; /* of a Unix socket; NULL for others */
        dev_t device;
        ino_t inode;
    } files[LISTENER_SOCKETS_MOST];
};

/*
 * Opens a socket for every address of the settings, which must outlive the listener, and logs where
 * it listens. A Unix socket that nobody listens on any more is replaced; anything else at its
 * path is let be. Returns 0, or -REASON_USAGE or -REASON_INTERNAL with one sentence in `fault`, and
 * nothing open.
 */
int listener_open(struct listener *listener, const struct settings *settings,
                  char fault[SETTINGS_FAULT_ROOM]);

/* Closes the sockets, without a trace in the file system for others. */
void listener_close(struct listener *listener);

/* Closes the sockets and removes those files that are still the listener's own. */
void listener_remove(struct listener *listener);

#endif
