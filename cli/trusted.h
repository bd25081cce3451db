/*
 * Handshakes: TLS with a server on the network, which must have a key that is pinned.
 */
#ifndef CLI_TRUSTED_H
#define CLI_TRUSTED_H

#include "cli/known_servers.h"
#include "cli/settings.h"
#include "tls/tls.h"

/* The keys that a server may have. trusted_forget() frees them. */
struct trusted {
    struct known_servers known;
    const struct setting_list *keys; /* fingerprints in the settings; NULL: pins say it */
    const char *origin;              /* where those are */
    char server[SERVER_NAME_ROOM];
};

enum trust {
    TRUST_UNKNOWN, /* no key of this server is known */
    TRUST_CHANGED, /* others are, but not this one */
    TRUST_PINNED,
};

/* Finds the keys that the server of a row of `servers`, or without one that address, may have. */
int trusted_find(const struct configuration *row, const struct address *server, struct trusted *ret,
                 struct failure *failure);
void trusted_forget(struct trusted *trusted);

enum trust trusted_check(const struct trusted *trusted, const struct fingerprint *key);

/* Fails for a key that is not pinned, and says what to do. Returns -REASON_IDENTITY. */
int trusted_refuse(const struct trusted *trusted, const struct fingerprint *key,
                   struct failure *failure);

#endif
