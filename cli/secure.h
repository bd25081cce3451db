/*
 * Secures a connection to a server: the handshake of TLS, with this user's identity and the key that
 * the server is known by.
 */
#ifndef CLI_SECURE_H
#define CLI_SECURE_H

#include <stdint.h>

#include "cli/failure.h"
#include "cli/settings.h"
#include "tls/tls.h"

/*
 * Makes the handshake over a socket that is connected to settings->server, within a limit. The socket
 * stays the caller's. `*ret_state` and `*ret_transport` are for stream_open(). Returns 0;
 * -REASON_IDENTITY when the server's key is unknown, or not the one that it is known by; or another
 * reason.
 */
int secure(const struct settings *settings, int fd, int64_t limit_ms,
           const struct transport **ret_transport, void **ret_state, struct failure *failure);

#endif
