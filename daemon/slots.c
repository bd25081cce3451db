#include "daemon/slots.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "protocol/clock.h"

enum {
    RESERVE_MOST = 16, /* sessions that are kept free for root and the daemon's uid... */
    RESERVE_PART = 8,  /* ...but at most one in so many */
};

static struct slots *map(size_t count)
{
    struct slots *slots =
        mmap(NULL, sizeof *slots + count * sizeof slots->slots[0], PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (slots == MAP_FAILED)
        return NULL;
    slots->count = (uint32_t)count;
    return slots;
}

struct slots *slots_make(int64_t least)
{
    pthread_mutexattr_t attributes;
    struct slots *slots = map(SETTINGS_SESSIONS_MOST + SETTINGS_HANDSHAKES_MOST);

    if (slots == NULL && (slots = map((size_t)least)) == NULL)
        return NULL;
    (void)pthread_mutexattr_init(&attributes);
    (void)pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    (void)pthread_mutex_init(&slots->lock, &attributes);
    (void)pthread_mutexattr_destroy(&attributes);
    return slots;
}

struct slot *slots_take(struct slots *slots)
{
    uint32_t place = 0;

    while (place < slots->count && atomic_load(&slots->slots[place].state) != SLOT_FREE)
        place++;
    if (place == slots->count)
        return NULL;
    if (place >= atomic_load(&slots->used))
        atomic_store(&slots->used, place + 1);
    atomic_store(&slots->slots[place].state, SLOT_TAKEN);
    return &slots->slots[place];
}

/* The lock for all slots, between processes and threads. */
static void lock(struct slots *slots)
{
    /* A process that died with it can only have left its own slot half written. */
    if (pthread_mutex_lock(&slots->lock) == EOWNERDEAD)
        (void)pthread_mutex_consistent(&slots->lock);
}

static void unlock(struct slots *slots)
{
    (void)pthread_mutex_unlock(&slots->lock);
}

bool slot_is_admitted(const struct slot *slot)
{
    return atomic_load(&slot->state) >= SLOT_ADMITTED;
}

/*
 * The limit that does not allow this session besides the others; NULL when there is none. Without a peer
 * it counts for its client, and the lock is held.
 */
static const char *find_limit(const struct slots *slots, const struct slot *slot,
                              const struct settings *settings, const struct peer *peer)
{
    bool is_of_address = peer != NULL && peer->kind == PEER_ADDRESS;
    int64_t most = is_of_address ? settings->per_address : settings->per_user;
    int class = atomic_load(&slot->class);
    int64_t reserve = settings->sessions / RESERVE_PART;
    int64_t all = 0;
    int64_t strangers = 0;
    int64_t same = 0;
    bool is_uncounted = peer != NULL && peer_is_in(peer, &settings->uncounted);

    for (uint32_t i = 0; i < atomic_load(&slots->used); i++) {
        const struct slot *other = &slots->slots[i];
        if (other == slot || !slot_is_admitted(other))
            continue;
        all++;
        strangers += atomic_load(&other->class) == ACCESS_STRANGER;
        if (peer != NULL)
            same += !is_uncounted && atomic_load(&other->peer) == peer->number;
        else
            same += atomic_load(&other->state) == SLOT_BEGUN &&
                    strcmp(other->client, slot->client) == 0;
    }
    if (class == ACCESS_OWN)
        reserve = 0;
    else if (reserve > RESERVE_MOST)
        reserve = RESERVE_MOST;
    if (all >= settings->sessions - reserve)
        return "limits.sessions";
    /* Among strangers nobody has more than are left for the others. */
    if (class == ACCESS_STRANGER && same >= settings->strangers - strangers)
        return "limits.strangers";
    if ((peer != NULL && peer->kind == PEER_UNKNOWN) || same < most)
        return NULL;
    return is_of_address ? "limits.per_address" : "limits.per_user";
}

const char *slots_admit(struct slots *slots, struct slot *slot, const struct settings *settings,
                        const struct peer *peer, enum access_class class)
{
    /* Counted first: of two that are admitted at once, at least one then sees the other. */
    atomic_store(&slot->class, (int)class);
    atomic_store(&slot->peer, peer->number);
    atomic_store(&slot->state, SLOT_ADMITTED);
    const char *limit = find_limit(slots, slot, settings, peer);
    if (limit != NULL)
        atomic_store(&slot->state, SLOT_TAKEN);
    return limit;
}

static void begin(struct slot *slot, const char *client)
{
    const size_t held = offsetof(struct slot, client); /* what the session writes */

    memset((char *)slot + held, 0, sizeof *slot - held);
    (void)snprintf(slot->client, sizeof slot->client, "%s", client);
    atomic_store(&slot->state, SLOT_BEGUN);
}

const char *slots_admit_client(struct slots *slots, struct slot *slot,
                               const struct settings *settings, const struct client *client)
{
    lock(slots);
    atomic_store(&slot->class, (int)client->class);
    atomic_store(&slot->peer, SLOT_NO_PEER);
    begin(slot, client->name);
    const char *limit = find_limit(slots, slot, settings, NULL);
    if (limit != NULL)
        atomic_store(&slot->state, SLOT_TAKEN);
    unlock(slots);
    return limit;
}

bool slots_evict(struct slot *slot)
{
    int state = SLOT_TAKEN;

    return atomic_compare_exchange_strong(&slot->state, &state, SLOT_EVICTED);
}

void slots_free(struct slot *slot)
{
    if (slot != NULL)
        atomic_store(&slot->state, SLOT_FREE);
}

void slots_begin(struct slots *slots, struct slot *slot, const char *client)
{
    lock(slots);
    begin(slot, client);
    unlock(slots);
}

int64_t slots_count(const struct slots *slots)
{
    int64_t count = 0;

    for (uint32_t i = 0; i < atomic_load(&slots->used); i++)
        count += slot_is_admitted(&slots->slots[i]);
    return count;
}

int64_t slots_count_strangers(const struct slots *slots)
{
    int64_t count = 0;

    for (uint32_t i = 0; i < atomic_load(&slots->used); i++)
        count += slot_is_admitted(&slots->slots[i]) &&
                 atomic_load(&slots->slots[i].class) == ACCESS_STRANGER;
    return count;
}

static void add_up(int64_t *sum, int64_t bytes)
{
    if (__builtin_add_overflow(*sum, bytes, sum))
        *sum = INT64_MAX;
}

int slots_promise(struct slots *slots, struct slot *slot, int64_t bytes, int64_t free,
                  int64_t lapse_ms)
{
    int64_t now = clock_ms();
    int64_t others = 0; /* promised to other clients */
    int64_t ours = 0;   /* promised to other sessions of this one */

    lock(slots);
    for (uint32_t i = 0; i < atomic_load(&slots->used); i++) {
        const struct slot *other = &slots->slots[i];
        if (other != slot && atomic_load(&other->state) == SLOT_BEGUN && other->is_promised &&
            now - other->heard_ms < lapse_ms)
            add_up(strcmp(other->client, slot->client) == 0 ? &ours : &others, other->coming);
    }
    int64_t left = free > others ? free - others : 0;
    bool fits = ours <= left && bytes <= left - ours;
    int64_t share = left / SLOTS_SHARE;
    slot->is_promised = fits && ours <= share && bytes <= share - ours;
    slot->coming = bytes;
    slot->heard_ms = now;
    unlock(slots);
    return fits ? 0 : -1;
}

int64_t slots_coming(struct slots *slots, const char *client)
{
    int64_t sum = 0;

    lock(slots);
    for (uint32_t i = 0; i < atomic_load(&slots->used); i++) {
        const struct slot *slot = &slots->slots[i];
        if (atomic_load(&slot->state) == SLOT_BEGUN && slot->coming > 0 &&
            strcmp(slot->client, client) == 0)
            add_up(&sum, slot->coming);
    }
    unlock(slots);
    return sum;
}

bool slots_begin_wait(struct slots *slots, struct slot *slot, int64_t most)
{
    int64_t count = 0;

    lock(slots);
    for (uint32_t i = 0; i < atomic_load(&slots->used); i++) {
        const struct slot *other = &slots->slots[i];
        count += atomic_load(&other->state) == SLOT_BEGUN && other->waits &&
                 strcmp(other->client, slot->client) == 0;
    }
    slot->waits = count < most;
    slot->scans = false;
    unlock(slots);
    return count < most;
}

int64_t slots_count_scanning(struct slots *slots)
{
    int64_t count = 0;

    lock(slots);
    for (uint32_t i = 0; i < atomic_load(&slots->used); i++) {
        const struct slot *slot = &slots->slots[i];
        count += atomic_load(&slot->state) == SLOT_BEGUN && slot->waits && slot->scans;
    }
    unlock(slots);
    return count;
}
