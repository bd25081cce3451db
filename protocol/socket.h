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
 * Sets what every TCP connection has: no delay of small pieces, keepalive, and TCP_USER_TIMEOUT of
 * 60 s, after which a peer that is gone is given up (tcp(7)). Other sockets are let be.
 */
void socket_tune(int fd);

#endif
