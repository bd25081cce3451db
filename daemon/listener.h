/*
 * The listener: the sockets to which clients connect.
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
    LISTENER_FAULT_ROOM = 512,                     /* bytes of a sentence, with the NUL */
    LISTENER_SOCKETS_MOST = 2 * SETTING_LIST_MOST, /* "localhost" may have two addresses */
    LISTENER_PATH_ROOM = 108,                      /* as in sockaddr_un (unix(7)) */
};

struct listener {
    bool is_given; /* systemd opened the sockets, and keeps them open */
    size_t count;
    struct {
        int fd;
        enum address_kind kind;
        /* The file of a Unix socket, which is removed at the end if it is still the same file. */
        char path[LISTENER_PATH_ROOM];
        dev_t device;
        ino_t inode;
    } sockets[LISTENER_SOCKETS_MOST];
};

/*
 * Takes the sockets that systemd opened or, if there are none, opens the addresses in the settings,
 * and logs each. A Unix socket on which nobody listens is replaced; anything else at its path is
 * left unchanged, and is an error. Returns 0, or -REASON_USAGE or -REASON_INTERNAL with a sentence
 * in `fault` and nothing open.
 */
int listener_open(struct listener *listener, const struct settings *settings,
                  const struct systemd *systemd, char fault[LISTENER_FAULT_ROOM]);

/* Closes the sockets, and removes their files unless something else has taken their place. */
void listener_remove(struct listener *listener);

#endif
