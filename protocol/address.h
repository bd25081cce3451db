/*
 * Server addresses, as fsd --listen and fsc --server take them:
 *
 *     /path/of/socket            a Unix socket
 *     host, host:port, [v6]:port TLS
 *     plain:host[:port]          TCP without encryption
 *     ssh://[user@]host[:port][/library]   fsd --stdio on another machine (fsc only)
 *     exec:COMMAND               a command whose stdin and stdout are the stream (fsc only)
 */
#ifndef PROTOCOL_ADDRESS_H
#define PROTOCOL_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ADDRESS_DEFAULT "/run/fsd/fsd.sock"
#define ADDRESS_PORT    "7373"

enum address_kind {
    ADDRESS_UNIX,
    ADDRESS_TLS,
    ADDRESS_PLAIN,
    ADDRESS_SSH,
    ADDRESS_EXEC,
};

struct address {
    enum address_kind kind;
    const char *text; /* the whole address; the caller owns it */
    const char *rest; /* the path, the library ("": none) or the command, within `text` */
    char host[256];   /* without brackets; with ssh:// after the user and "@", if there is one */
    char port[6];     /* with ssh:// "" if there is none */
};

/*
 * Parses an address. `text` must live as long as `ret`. Returns NULL, or what is wrong with the
 * address, as the end of the sentence "ADDRESS: ...".
 */
const char *address_parse(const char *text, struct address *ret);

/* An IPv4 address or network, an IPv6 network of at most 64 bits, or ::1. */
struct address_network {
    bool is_ipv6;
    struct in_addr v4;
    struct in6_addr v6;
    unsigned bits; /* that its addresses have in common */
};

/*
 * Parses "192.0.2.1", "192.0.2.0/24", "2001:db8:0:1::/64" or "::1". Returns NULL, or what is wrong, as
 * address_parse().
 */
const char *address_parse_network(const char *text, struct address_network *ret);

/* Is this an address of this machine only: 127.0.0.0/8 or ::1? */
bool address_is_loopback(const struct sockaddr *address);

#endif
