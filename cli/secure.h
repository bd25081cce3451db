/*
 * Secures a connection to a server: the handshake of TLS, with the user's identity, and only with a
 * server whose key is trusted.
 */
#ifndef CLI_SECURE_H
#define CLI_SECURE_H

#include <stdint.h>

#include "cli/identity.h"
#include "cli/trusted.h"

/* What is read once for all connections. Begins as {0}; secure_release() frees it. */
struct secure {
    const struct tls *tls; /* NULL: nothing is read yet */
    struct identity identity;
    struct trusted trusted;
};

/*
 * Makes the handshake over a socket that is connected to settings->server, within a limit. The socket
 * stays the caller's. `*ret_state` and `*ret_transport` are for stream_open(), and need `secure`.
 * Returns 0; -REASON_IDENTITY when the server has no trusted key; or another reason.
 */
int secure(struct secure *secure, const struct settings *settings, int fd, int64_t limit_ms,
           const struct transport **ret_transport, void **ret_state, struct failure *failure);
void secure_release(struct secure *secure);

enum {
    SECURE_HINT_ROOM = PATH_MAX + 512,
};

/*
 * What to do about a request that the server has denied with this text, if the reason is the user's
 * identity; or "". Returns `hint`.
 */
const char *secure_hint(const struct secure *secure, const char *text, char hint[SECURE_HINT_ROOM]);

#endif
