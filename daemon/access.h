/*
 * Access: who a client is, and what it may do.
 */
#ifndef DAEMON_ACCESS_H
#define DAEMON_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/store/record.h"
#include "protocol/address.h"

enum right {
    RIGHT_LIST = 1 << 0,
    RIGHT_GET = 1 << 1,
    RIGHT_PUT = 1 << 2,
    RIGHTS_ALL = RIGHT_LIST | RIGHT_GET | RIGHT_PUT,
};

struct client {
    char name[RECORD_CLIENT_ROOM]; /* "user:NAME" or "anonymous"; a folder of stages is named so */
    char who[160];                 /* for people: who was seen at the other end */
    unsigned rights;
};

/*
 * Reads rights, words with spaces between, e.g. "list get". Returns false, with the word that is no
 * right in `*ret_word` and `*ret_length`, when there is one.
 */
bool access_parse_rights(const char *text, unsigned *ret, const char **ret_word,
                         size_t *ret_length);

/*
 * Finds out who is at the other end of a socket that came by an address of this kind: on a Unix
 * socket its local user (unix(7), SO_PEERCRED); everywhere else, and for a uid without a name,
 * anonymous. Root and the uid that runs this daemon have all rights; the others those of
 * `anonymous`.
 */
void access_identify(int fd, enum address_kind kind, unsigned anonymous, struct client *ret);

/* May this client do what needs all of these rights? */
bool access_permits(const struct client *client, unsigned rights);

#endif
