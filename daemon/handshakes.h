/*
 * Handshakes: the connections over TLS whose clients are not known yet. The parent keeps a descriptor
 * of each, from when it accepts the connection until its session has admitted itself
 * (daemon/slots.h), and counts them for limits.handshakes. When there are too many, the oldest one of
 * the address that has most of them makes room: so an address that opens many does not keep others out.
 *
 * A connection gets a session only when something has come. One that is silent costs a descriptor,
 * and no process or thread. The parent sees that bytes are there, and never reads them.
 */
#ifndef DAEMON_HANDSHAKES_H
#define DAEMON_HANDSHAKES_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/counters.h"
#include "daemon/slots.h"

struct handshake {
    int connection; /* -1: it has made room, and only its session has to end */
    struct peer peer;
    int64_t until_ms;  /* when it must have ended, by clock_ms() */
    struct slot *slot; /* of its session; NULL: it waits for one */
};

struct handshakes {
    struct handshake *list; /* in the order in which they came */
    size_t count, room;
};

/*
 * Adds a connection, and takes it over. If more than `most` are under way then, others make room, which
 * is logged and counted. Returns false, with errno set, when there is no memory.
 */
bool handshakes_add(struct handshakes *handshakes, size_t most, const struct handshake *handshake,
                    struct counters *counters);

/*
 * Removes those whose sessions are admitted. Closes those that still wait when their time is over, which
 * is logged and counted.
 */
void handshakes_tidy(struct handshakes *handshakes, struct counters *counters);

/* How many have a session, even one that has to end? */
size_t handshakes_count_started(const struct handshakes *handshakes);

/* Sets what to poll for each one that waits, in their order. Returns how many that are. */
size_t handshakes_poll(const struct handshakes *handshakes, struct pollfd *polled);

/* Has the client ended the connection before it sent anything? */
bool handshake_is_empty(const struct handshake *handshake);

/* Closes the connection of one that waits, or of the session that has that slot and has ended. */
void handshakes_remove(struct handshakes *handshakes, struct handshake *handshake);
void handshakes_end(struct handshakes *handshakes, const struct slot *slot);

/* Closes all connections, which those with a session keep open, and frees what it has. */
void handshakes_close(struct handshakes *handshakes);

/* When the time of the first one that waits is over, by clock_ms(); INT64_MAX if none waits. */
int64_t handshakes_next_ms(const struct handshakes *handshakes);

#endif
