/*
 * Channels: how the parent gives connections to the processes that serve them (unix(7),
 * SCM_RIGHTS), and hears of those that have ended. A channel is a pair of sockets that keep
 * messages whole.
 */
#ifndef DAEMON_CHANNEL_H
#define DAEMON_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/address.h"

enum order_kind {
    ORDER_STOP,   /* the parent has closed the channel: end as soon as sessions can */
    ORDER_SERVE,  /* a connection */
    ORDER_RETIRE, /* there will be no more connections; those that are there go on */
};

/* What the parent tells. */
struct order {
    enum order_kind what;
    uint64_t session;       /* the number of the session to be */
    enum address_kind kind; /* by what kind of address the connection came */
    int connection;         /* the receiver's; -1 when it got lost for want of descriptors */
};

/* Makes a channel; both ends are closed on exec. Returns 0, or -1 with errno set. */
int channel_open(int *ret_parent, int *ret_worker);

/*
 * Sends an order, with its connection, of which the sender keeps its own descriptor. Never waits.
 * Returns 0, or -1 with errno set: EPIPE, and nothing else, when the worker is gone.
 */
int channel_order(int parent, const struct order *order);

/* Can an order be sent now, or does the worker have to take in others first? Never waits. */
bool channel_is_ready(int parent);

/* Waits until there is an order, or until the channel is closed. */
void channel_await(int worker);

/* Takes the next order, and waits for it. */
void channel_receive(int worker, struct order *ret);

/* Tells the parent that a session has ended. */
void channel_report_end(int worker, uint64_t session);

/*
 * Reads the next session that has ended. Returns 1; 0 when there is none now; -1 when the worker
 * has closed its end. Never waits.
 */
int channel_next_end(int parent, uint64_t *ret_session);

#endif
