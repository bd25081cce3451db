/*
 * Sockets: what both sides do alike with theirs.
 */
#ifndef PROTOCOL_SOCKET_H
#define PROTOCOL_SOCKET_H

#include <stdbool.h>
#include <sys/socket.h>

/* Is this an address of this machine only: 127.0.0.0/8 or ::1? */
bool socket_is_loopback(const struct sockaddr *address);

/*
 * Sets what every TCP connection has: no delay of small pieces, and keepalive, by which an idle
 * peer that is gone is given up after 60 s (tcp(7)). Other sockets are let be.
 *
 * There is no TCP_USER_TIMEOUT: it would also cut off a peer that is alive and merely takes nothing
 * for so long, like a client whose own reader pauses.
 */
void socket_tune(int fd);

#endif
