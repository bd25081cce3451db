/*
 * Listeners: the sockets on which clients come.
 */
#ifndef DAEMON_LISTENER_H
#define DAEMON_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/settings.h"
#include "daemon/systemd.h"
#include "protocol/address.h"

enum {
    LISTENER_FAULT_ROOM = 512,                     /* bytes of a sentence that says what is wrong */
    LISTENER_SOCKETS_MOST = 2 * SETTING_LIST_MOST, /* "localhost" may be two addresses */
    LISTENER_PATH_ROOM = 108,                      /* as in sockaddr_un (unix(7)) */
};

struct listener {
    bool is_given; /* systemd has opened the sockets, and keeps them open */
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
 * Takes the sockets that systemd has opened; where there are none, opens one for every address of
 * the settings. Logs where each listens. A Unix socket that nobody listens on any more is replaced;
 * anything else at its path is let be. Returns 0, or -REASON_USAGE or -REASON_INTERNAL with one
 * sentence in `fault`, and nothing open.
 */
int listener_open(struct listener *listener, const struct settings *settings,
                  const struct systemd *systemd, char fault[LISTENER_FAULT_ROOM]);

/* Closes the sockets, and removes those of their files that are still the listener's own. */
void listener_remove(struct listener *listener);

#endif
