/*
 * Listeners: the sockets on which clients come.
 */
#ifndef DAEMON_LISTENER_H
#define DAEMON_LISTENER_H

#include <stddef.h>
#include <sys/types.h>

#include "daemon/settings.h"
#include "protocol/address.h"

enum {
    LISTENER_FAULT_ROOM = 512,                     /* bytes of a sentence that says what is wrong */
    LISTENER_SOCKETS_MOST = 2 * SETTING_LIST_MOST, /* "localhost" may be two addresses */
    LISTENER_PATH_ROOM = 108,                      /* as in sockaddr_un (unix(7)) */
};

struct listener {
    size_t count;
    struct {
        int fd;
        enum address_kind kind; /* of the connections that come here */
        /* The file of a Unix socket, to be removed at the end if it is still the same. */
        char path[LISTENER_PATH_ROOM];
        dev_t device;
        ino_t inode;
    } sockets[LISTENER_SOCKETS_MOST];
};

/*
 * Opens a socket for every address of the settings, and logs where it listens. A Unix socket that
 * nobody listens on any more is replaced; anything else at its path is let be. Returns 0, or
 * -REASON_USAGE or -REASON_INTERNAL with one sentence in `fault`, and nothing open.
 */
int listener_open(struct listener *listener, const struct settings *settings,
                  char fault[LISTENER_FAULT_ROOM]);

/* Closes the sockets, and removes those of their files that are still the listener's own. */
void listener_remove(struct listener *listener);

#endif
