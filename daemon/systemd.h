/*
 * systemd: takes over the listening sockets that it opened (sd_listen_fds(3)), and notifies it of
 * the daemon's state (sd_notify(3)). Both need only the environment, no library.
 */
#ifndef DAEMON_SYSTEMD_H
#define DAEMON_SYSTEMD_H

#include <stdbool.h>

enum {
    SYSTEMD_FIRST_SOCKET = 3, /* the first descriptor; the others follow */
};

struct systemd {
    int socket_count;
    char *names;    /* LISTEN_FDNAMES: of the sockets, separated by ':'; may be NULL */
    char *notified; /* NOTIFY_SOCKET: where notifications go; NULL for nowhere */
};

/*
 * Reads the variables that systemd set for this process. Call it before the environment and the
 * descriptors change. systemd_release() frees it.
 */
void systemd_read(struct systemd *systemd);
void systemd_release(struct systemd *systemd);

/* Is this the name of the socket at `place`, from 0, in its unit (FileDescriptorName=)? */
bool systemd_socket_is_called(const struct systemd *systemd, int place, const char *name);

/*
 * Notifies systemd of a new state: assignments as in "READY=1", one on each line. Does nothing when
 * systemd did not ask for it. Errors are ignored.
 */
void systemd_notify(const struct systemd *systemd, const char *state);

/* Notifies systemd of a reload, which lasts until READY=1. */
void systemd_notify_reloading(const struct systemd *systemd);

#endif
