/*
 * Access: who a client is, and what it may do.
 */
#ifndef DAEMON_ACCESS_H
#define DAEMON_ACCESS_H

#include <stdbool.h>

#include "daemon/store/record.h"
#include "protocol/address.h"

/* Bits: the places of their words. */
enum right {
    RIGHT_LIST = 1 << 0,
    RIGHT_GET = 1 << 1,
    RIGHT_PUT = 1 << 2,
    RIGHT_STATUS = 1 << 3,
    RIGHTS_ALL = RIGHT_LIST | RIGHT_GET | RIGHT_PUT | RIGHT_STATUS,
};

/* The words of the rights, closed by NULL. */
extern const char *const access_right_words[];

struct client {
    char name[RECORD_CLIENT_ROOM]; /* "user:NAME" or "anonymous"; a folder of stages is named so */
    char who[160];                 /* for people: who was seen at the other end */
    unsigned rights;
};

/*
 * Names of users come from the name service (nss(5)), which reads its configuration when it is first
 * asked: done before processes are forked, none of them has to.
 */
void access_warm_up(void);

/*
 * Finds out who is at the other end of a socket that came by an address of this kind: on a Unix
 * socket its local user (unix(7), SO_PEERCRED); everywhere else, and for a uid without a name,
 * anonymous. Root and the uid that runs this daemon have all rights; the others those of
 * `anonymous`.
 */
void access_identify(int fd, enum address_kind kind, unsigned anonymous, struct client *ret);

/*
 * The same of a session on standard input and output, whose other end was made by whoever runs this
 * process: its own user, with all rights. But a socket that was accepted by somebody else, as
 * inetd(8) does, is judged like a connection that came to a listener.
 */
void access_identify_stdio(int fd, unsigned anonymous, struct client *ret);

/* May this client do what needs all of these rights? */
bool access_permits(const struct client *client, unsigned rights);

#endif
