#include "daemon/handshakes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "daemon/log.h"
#include "daemon/peer.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"

/* One that waits has no session, and one without a connection has made room. */
static bool waits(const struct handshake *handshake)
{
    return handshake->slot == NULL;
}

static void log_end(const struct handshake *handshake, const char *what, const char *cause)
{
    char text[PEER_ROOM];

    if (log_admits_refusal(handshake->peer.number, false))
        log_event(LOG_LEVEL_WARNING, what, "address", peer_address(&handshake->peer), "client",
                  peer_describe(handshake->peer.number, text), "cause", cause, NULL);
}

void handshakes_remove(struct handshakes *handshakes, struct handshake *handshake)
{
    size_t place = (size_t)(handshake - handshakes->list);

    descriptor_close(handshake->connection);
    handshakes->count--;
    memmove(handshake, handshake + 1, (handshakes->count - place) * sizeof *handshake);
}

/* The oldest one of the peer that has most of those under way. */
static struct handshake *find_victim(struct handshakes *handshakes)
{
    struct handshake *found = handshakes->list;
    size_t most = 0;

    for (size_t i = 0; i < handshakes->count; i++) {
        struct handshake *each = &handshakes->list[i];
        size_t same = 0;
        for (size_t j = i; each->connection >= 0 && j < handshakes->count; j++)
            same += handshakes->list[j].peer.number == each->peer.number &&
                    handshakes->list[j].connection >= 0;
        /* Later ones of the same peer count fewer. */
        if (same > most) {
            most = same;
            found = each;
        }
    }
    return found;
}

static void make_room(struct handshakes *handshakes, struct counters *counters)
{
    struct handshake *victim = find_victim(handshakes);
    bool is_waiting = waits(victim);

    if (!is_waiting && !slots_evict(victim->slot)) {
        handshakes_remove(handshakes, victim);
        return;
    }
    counter_add(&counters->refused, 1);
    log_end(victim, "connection refused", "limits.handshakes");
    if (is_waiting) {
        handshakes_remove(handshakes, victim);
        return;
    }
    /* That ends the handshake of its session. */
    (void)shutdown(victim->connection, SHUT_RDWR);
    descriptor_close(victim->connection);
    victim->connection = -1;
}

bool handshakes_add(struct handshakes *handshakes, size_t most, const struct handshake *handshake,
                    struct counters *counters)
{
    size_t under_way = 0;

    if (handshakes->count == handshakes->room) {
        size_t room = handshakes->room > 0 ? 2 * handshakes->room : 16;
        struct handshake *list = reallocarray(handshakes->list, room, sizeof *list);
        if (list == NULL)
            return false;
        handshakes->list = list;
        handshakes->room = room;
    }
    handshakes->list[handshakes->count++] = *handshake;
    for (size_t i = 0; i < handshakes->count; i++)
        under_way += handshakes->list[i].connection >= 0;
    for (; under_way > most; under_way--)
        make_room(handshakes, counters);
    return true;
}

void handshakes_tidy(struct handshakes *handshakes, struct counters *counters)
{
    int64_t now = clock_ms();

    for (size_t i = handshakes->count; i-- > 0;) {
        struct handshake *each = &handshakes->list[i];
        bool is_late = waits(each) && each->until_ms <= now;
        if (is_late) {
            counter_add(&counters->handshakes_failed, 1);
            log_end(each, "handshake failed",
                    handshake_is_empty(each) ? "nothing came within limits.handshake"
                                             : "it could not be begun within limits.handshake");
        }
        if (is_late || (!waits(each) && each->connection >= 0 && slot_is_admitted(each->slot)))
            handshakes_remove(handshakes, each);
    }
}

size_t handshakes_count_started(const struct handshakes *handshakes)
{
    size_t count = 0;

    for (size_t i = 0; i < handshakes->count; i++)
        count += !waits(&handshakes->list[i]);
    return count;
}

size_t handshakes_poll(const struct handshakes *handshakes, struct pollfd *polled)
{
    size_t count = 0;

    for (size_t i = 0; i < handshakes->count; i++) {
        if (waits(&handshakes->list[i]))
            polled[count++] =
                (struct pollfd){.fd = handshakes->list[i].connection, .events = POLLIN};
    }
    return count;
}

bool handshake_is_empty(const struct handshake *handshake)
{
    int bytes = 0;

    return ioctl(handshake->connection, FIONREAD, &bytes) < 0 || bytes == 0;
}

void handshakes_end(struct handshakes *handshakes, const struct slot *slot)
{
    for (size_t i = 0; i < handshakes->count; i++) {
        if (handshakes->list[i].slot == slot) {
            handshakes_remove(handshakes, &handshakes->list[i]);
            return;
        }
    }
}

void handshakes_close(struct handshakes *handshakes)
{
    while (handshakes->count > 0)
        descriptor_close(handshakes->list[--handshakes->count].connection);
    free(handshakes->list);
    *handshakes = (struct handshakes){.count = 0};
}

int64_t handshakes_next_ms(const struct handshakes *handshakes)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < handshakes->count; i++) {
        const struct handshake *each = &handshakes->list[i];
        if (waits(each) && each->until_ms < next)
            next = each->until_ms;
    }
    return next;
}
