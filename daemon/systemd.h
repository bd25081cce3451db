/*
 * systemd: the listening sockets that it opened for this process (sd_listen_fds(3)), and what it is
 * told of the daemon's state (sd_notify(3)). Both come by the environment, and no library is
 * needed.
 */
#ifndef DAEMON_SYSTEMD_H
#define DAEMON_SYSTEMD_H

#include <stdbool.h>

enum {
    SYSTEMD_FIRST_SOCKET = 3, /* the descriptor of the first one; the others follow */
};

struct systemd {
    int socket_count;
    char *names;    /* of the sockets, with ':' between them; NULL for none */
    char *notified; /* the address of the socket that takes notes of the state; NULL for none */
};

/*
 * Reads from the environment what systemd has left there for this very process. To be called while
 * the environment and the descriptors are as they came; systemd_release() frees what it owns.
 */
void systemd_read(struct systemd *systemd);
void systemd_release(struct systemd *systemd);

/* Is this the name of a socket in its unit (FileDescriptorName=)? They count from 0. */
bool systemd_socket_is_called(const struct systemd *systemd, int place, const char *name);

/*
 * Tells systemd of a new state, as in "READY=1": assignments, one a line. Whoever is not started by
 * systemd tells nobody; nor is it an error when the note gets lost.
 */
void systemd_notify(const struct systemd *systemd, const char *state);

/* Tells that the settings are being read again, until READY=1 follows. */
void systemd_notify_reloading(const struct systemd *systemd);

#endif
