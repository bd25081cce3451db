/*
 * Trust: which keys a server on the network may have. They are those that `servers` sets for it, or
 * else its pins.
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

/*
 * Finds the keys of a server: those of its row of `servers`, or else the pins of its address. `row` is
 * NULL for a server that was named by its address. Returns 0, or a reason.
 */
int trusted_find(const struct configuration *row, const struct address *server, struct trusted *ret,
                 struct failure *failure);
void trusted_forget(struct trusted *trusted);

/* Is this a key that the server may have? */
enum trust trusted_check(const struct trusted *trusted, const struct fingerprint *key);

enum {
    TRUSTED_PLACE_ROOM = PATH_MAX + 16,
};

/*
 * Writes where the settings, or a pin, say that the server may have this key, or any for NULL:
 * "FILE:LINE". Returns `place`.
 */
const char *trusted_place(const struct trusted *trusted, const struct fingerprint *key,
                          char place[TRUSTED_PLACE_ROOM]);

/* Fails for a key that is not pinned, and says what to do. Returns -REASON_IDENTITY. */
int trusted_refuse(const struct trusted *trusted, const struct fingerprint *key,
                   struct failure *failure);

#endif
