/*
 * Server addresses, the same for fsd --listen and fsc --server:
 *
 *     /path/of/socket            a Unix socket
 *     host, host:port, [v6]:port TLS
 *     plain:host[:port]          TCP without encryption
 *     exec:COMMAND               a command whose stdin and stdout are the stream (fsc only)
 */
#ifndef PROTOCOL_ADDRESS_H
#define PROTOCOL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ADDRESS_DEFAULT "/run/fsd/fsd.sock"
#define ADDRESS_PORT    "7373"

/* What both programs say of an address of TLS, which they do not speak. */
#define ADDRESS_NO_TLS                                                                            \
    "there is no TLS here; a Unix socket is /path/of/socket, unencrypted TCP on this machine is " \
    "plain:host:port"

enum address_kind {
    ADDRESS_UNIX,
    ADDRESS_TLS,
    ADDRESS_PLAIN,
    ADDRESS_EXEC,
};

struct address {
    enum address_kind kind;
    const char *text; /* as it was written; belongs to the caller */
    const char *rest; /* the path, or the command: a part of `text` */
    char host[256];   /* without brackets */
    char port[6];
};

/*
 * Takes an address apart. `text` must live as long as `ret`. Returns NULL, or what is wrong with it
 * as the end of a sentence.
 */
const char *address_parse(const char *text, struct address *ret);

/* Is this an address of this machine only: 127.0.0.0/8 or ::1? */
bool address_is_loopback(const struct sockaddr *address);

#endif
