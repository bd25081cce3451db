/*
 * Peers: who is at the other end of a connection, as far as the kernel knows. Nothing here asks for
 * a name, which may take long, so the parent can use it.
 */
#ifndef DAEMON_PEER_H
#define DAEMON_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "protocol/fingerprint.h"
#include "settings/configuration.h"

enum {
    PEER_ROOM = 64, /* bytes of a description, with its NUL */
};

enum peer_kind {
    PEER_UNKNOWN,
    PEER_USER,    /* at a Unix socket */
    PEER_ADDRESS, /* an IPv4 address, or an IPv6 network (/64), which is what one host may have */
};

struct peer {
    enum peer_kind kind;
    uint64_t number; /* one for each user and each address; the limits count by it; 0: unknown */
    uid_t uid;       /* of a user */
    gid_t gid;
    char address[INET6_ADDRSTRLEN]; /* without the rest of an interface; empty for a user */
};

/*
 * Finds out who is at the other end of a socket (unix(7), SO_PEERCRED; getpeername(2)): nobody over
 * TCP, once the connection is broken.
 */
struct peer peer_find(int connection);

/* The same for a connection whose other end, by accept(2), has this address. */
struct peer peer_at(int connection, const struct sockaddr_storage *address);

/* The address of a peer, for log_event(); NULL if it has none. */
const char *peer_address(const struct peer *peer);

/*
 * The groups of a local user besides the first one (SO_PEERGROUPS). Returns how many there are; if
 * that is more than `room`, `ret` is not set.
 */
size_t peer_groups(int connection, gid_t *ret, size_t room);

/* Is this an address in one of these networks, which address_parse_network() has accepted? */
bool peer_is_in(const struct peer *peer, const struct setting_list *networks);

/* The number of a client with this key. */
uint64_t peer_number_of_key(const struct fingerprint *key);

/*
 * Describes the peer that has this number, for the log: "uid 5", "127.0.0.1", "2001:db8::/64", or the
 * beginning of a fingerprint.
 */
const char *peer_describe(uint64_t number, char text[PEER_ROOM]);

#endif
