/*
 * The listener: the sockets to which clients connect.
 */
#ifndef DAEMON_LISTENER_H
#define DAEMON_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "daemon/settings.h"
#include "daemon/systemd.h"
#include "protocol/address.h"

enum {
    LISTENER_SOCKETS_MOST = 2 * SETTING_LIST_MOST, /* "localhost" may have two addresses */
    LISTENER_PATH_ROOM = 108,                      /* as in sockaddr_un (unix(7)) */
};

struct listener_socket {
    int fd;
    enum address_kind kind;
    struct sockaddr_storage address;
    /* The file of a Unix socket, which is removed at the end if it is still the same file. */
    char path[LISTENER_PATH_ROOM];
    struct stat file;
    mode_t folder_mode; /* of the folder of that file */
    bool is_lost;       /* it could not be made again, which was logged */
};

struct listener {
    bool is_given; /* systemd opened the sockets, and keeps them open */
    bool is_trial; /* see listener_check() */
    size_t count;
    struct listener_socket sockets[LISTENER_SOCKETS_MOST];
};

/*
 * Takes the sockets that systemd opened or, if there are none, opens the addresses in the settings.
 * A Unix socket on which nobody listens is replaced; anything else at its path is left unchanged, and
 * is an error. An IP address that this machine does not have yet is not: it is logged, and served as
 * soon as the machine has it. Returns 0, or -REASON_USAGE or -REASON_INTERNAL with a sentence in
 * `fault` and nothing open.
 */
int listener_open(struct listener *listener, const struct settings *settings,
                  const struct systemd *systemd, char fault[FAULT_LINE_ROOM]);

/* Logs where it listens. */
void listener_log(const struct listener *listener);

/*
 * Checks whether listener_open() would succeed, but opens and changes nothing. Whether somebody
 * listens on an address of TCP is found out by connecting. Reports each address that cannot be
 * listened on, and whether one of the others is for TLS. Returns 0 or the first reason.
 */
int listener_check(const struct settings *settings, const struct systemd *systemd,
                   void (*report)(const char *fault), bool *ret_needs_tls);

/* Is one of the sockets for TLS? */
bool listener_needs_tls(const struct listener *listener);

/*
 * Makes the files of Unix sockets again, with their folders, where somebody has removed them. Does
 * nothing when a daemon listens there, or systemd opened the sockets. Never waits. Logs each.
 */
void listener_restore(struct listener *listener, const struct settings *settings);

/* Closes the sockets, and removes their files unless something else has taken their place. */
void listener_remove(struct listener *listener);

#endif
