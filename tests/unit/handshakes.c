#include "daemon/handshakes.h"

#include <sys/socket.h>
#include <unistd.h>

#include "daemon/log.h"
#include "protocol/clock.h"
#include "tests/unit/check.h"

enum {
    MOST = 4,
    ENDS = 16,
};

static struct counters counters;
static struct handshakes handshakes;
static int ends[ENDS]; /* those of the clients */

/* Adds a connection of a peer; its client has that number. Returns the place of the daemon's end. */
static int add(int client, uint64_t peer, int64_t until_ms)
{
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    ends[client] = pair[0];
    const struct handshake handshake = {
        .connection = pair[1], .peer = {.number = peer}, .until_ms = until_ms};
    CHECK(handshakes_add(&handshakes, MOST, &handshake, &counters));
    return pair[1];
}

static bool is_closed(int client)
{
    char byte = 0;

    return recv(ends[client], &byte, 1, MSG_DONTWAIT) == 0;
}

/* The oldest one of the peer that has most makes room, wherever the new one comes from. */
static void check_room(struct slots *slots)
{
    int64_t late = clock_ms() + 3600 * (int64_t)1000;
    struct pollfd polled[MOST];

    (void)add(0, 1, late);
    (void)add(1, 2, late);
    (void)add(2, 2, late);
    (void)add(3, 3, late);
    CHECK(handshakes.count == MOST && counter_read(&counters.refused) == 0);
    (void)add(4, 4, late);
    CHECK(is_closed(1) && !is_closed(0) && !is_closed(2) && handshakes.count == MOST);
    CHECK(counter_read(&counters.refused) == 1);
    /* Each has one: the oldest of all. */
    (void)add(5, 5, late);
    CHECK(is_closed(0) && !is_closed(5));
    /* One that adds to its own gives up one of its own. */
    (void)add(6, 5, late);
    (void)add(7, 5, late);
    CHECK(is_closed(5) && is_closed(6) && !is_closed(2) && !is_closed(4) && !is_closed(7));
    CHECK(handshakes_poll(&handshakes, polled) == MOST && handshakes_next_ms(&handshakes) == late);

    /* One with a session is only shut down, and counts until that has ended. */
    struct slot *first = slots_take(slots);
    struct slot *second = slots_take(slots);
    handshakes.list[0].slot = first;  /* 2 */
    handshakes.list[3].slot = second; /* 7 */
    CHECK(handshakes_poll(&handshakes, polled) == 2);
    CHECK(handshakes_count_started(&handshakes) == 2);
    (void)add(8, 5, late);
    CHECK(is_closed(7) && second->state == SLOT_EVICTED && handshakes.count == MOST + 1);
    CHECK(handshakes_count_started(&handshakes) == 2);
    handshakes_end(&handshakes, second);
    CHECK(handshakes.count == MOST && handshakes_count_started(&handshakes) == 1);
    /* That is not done to one that is admitted; it does not count any more. */
    slots_begin(slots, first, "key:web");
    handshakes_tidy(&handshakes, &counters);
    CHECK(handshakes.count == MOST - 1 && handshakes_count_started(&handshakes) == 0);
    CHECK(is_closed(2)); /* no session has it here */
    handshakes_end(&handshakes, first);
    CHECK(handshakes.count == MOST - 1);
    handshakes_close(&handshakes);
    CHECK(is_closed(3) && is_closed(4) && is_closed(8) && handshakes.count == 0);
}

/* Those that have sent nothing in time, or nothing at all. */
static void check_silence(void)
{
    uint64_t before = counter_read(&counters.handshakes_failed);

    CHECK(handshakes_next_ms(&handshakes) == INT64_MAX);
    (void)add(0, 1, clock_ms() - 1);
    (void)add(1, 1, clock_ms() + 3600 * (int64_t)1000);
    handshakes_tidy(&handshakes, &counters);
    CHECK(is_closed(0) && !is_closed(1) && handshakes.count == 1);
    CHECK(counter_read(&counters.handshakes_failed) == before + 1);
    CHECK(handshake_is_empty(&handshakes.list[0]));
    CHECK(send(ends[1], "x", 1, 0) == 1 && !handshake_is_empty(&handshakes.list[0]));
    handshakes_remove(&handshakes, &handshakes.list[0]);
    CHECK(handshakes.count == 0);
    handshakes_close(&handshakes);
}

int main(void)
{
    struct slots *slots = slots_make(1);

    CHECK(slots != NULL);
    log_set_level(LOG_LEVEL_CRITICAL);
    check_room(slots);
    check_silence();
    return EXIT_SUCCESS;
}
