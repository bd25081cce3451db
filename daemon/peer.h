/*
 * Peers: whose connection it is, as far as the parent has to know it to keep limits.
 */
#ifndef DAEMON_PEER_H
#define DAEMON_PEER_H

#include <stdbool.h>
#include <stdint.h>

enum peer_kind {
    PEER_UNKNOWN,
    PEER_USER,    /* a local user, over a Unix socket */
    PEER_ADDRESS, /* an IPv4 address, or the network of an IPv6 one: /64, what one host may have */
};

struct peer {
    enum peer_kind kind;
    uint64_t number; /* the uid; the address; the network */
};

/* Finds out who is at the other end of a connection (unix(7), SO_PEERCRED; getpeername(2)). */
struct peer peer_of(int connection);

bool peer_is_same(struct peer left, struct peer right);

#endif
