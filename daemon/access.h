/*
 * Access: who a client is, and what it may do.
 */
#ifndef DAEMON_ACCESS_H
#define DAEMON_ACCESS_H

#include <stdbool.h>

#include "daemon/settings.h"
#include "daemon/store/record.h"
#include "protocol/address.h"

struct client {
    char name[RECORD_CLIENT_ROOM]; /* "user:NAME" or "anonymous"; a folder of stages is named so */
    char who[160];                 /* for people: who was seen at the other end */
    unsigned rights;               /* those that it has everywhere, without `users` */
    const struct setting_groups *users; /* the rows of the setting, for a local user; else NULL */
    bool granted[SETTING_GROUPS_MOST];  /* which of them are about this one */
};

/*
 * Names of users come from the name service (nss(5)), which reads its configuration when it is
 * first asked: done before processes are forked, none of them has to.
 */
void access_warm_up(void);

/*
 * Finds the uids and gids of the users and groups in `users`, before any session begins with these
 * settings. One that does not exist grants nothing, and is logged.
 */
void access_resolve(struct settings *settings);

/*
 * Finds out who is at the other end of a socket that came by an address of this kind: on a Unix
 * socket its local user (unix(7), SO_PEERCRED); everywhere else, and for a uid without a name,
 * anonymous. Root and the uid that runs this daemon have all rights; the others those of
 * `anonymous`, and local users those that `users` gives to them or their groups (SO_PEERGROUPS).
 * The client points to these settings.
 */
void access_identify(int fd, enum address_kind kind, const struct settings *settings,
                     struct client *ret);

/*
 * The same of a session on standard input and output, whose other end was made by whoever runs this
 * process: its own user, with the rights of `stdio_rights`. But where one of them is a socket that
 * was accepted by somebody else, as by inetd(8), it is judged like a connection that came to a
 * listener; only then names in `users` are looked up.
 */
void access_identify_stdio(int in, int out, struct settings *settings, struct client *ret);

/*
 * The rights that a client has to a file of this name; or, when '/' stands behind the name, to
 * anything in that folder, or, for "", to anything in the library.
 */
unsigned access_rights(const struct client *client, const char *name);

/* A group of `users` whose members have these rights to a name; NULL when there is none. */
const char *access_group(const struct client *client, unsigned rights, const char *name);

#endif
