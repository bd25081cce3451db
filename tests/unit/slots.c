#include "daemon/slots.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/clock.h"
#include "tests/unit/check.h"

static const struct settings few = {
    .sessions = 16, .per_address = 4, .per_user = 2, .strangers = 3};

/* Runs `job` in a process of its own, which dies of KILL after it. */
static void run_killed(void (*job)(struct slots *slots, struct slot *slot), struct slots *slots,
                       struct slot *slot)
{
    int status = 0;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        job(slots, slot);
        (void)raise(SIGKILL);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

static void begin(struct slots *slots, struct slot *slot)
{
    slots_begin(slots, slot, "user:ann");
}

static void lock_and_begin(struct slots *slots, struct slot *slot)
{
    (void)pthread_mutex_lock(&slots->lock);
    (void)memset(slot->client, 'x', sizeof slot->client);
}

/* A slot is free again when its session has ended, and the next one finds nothing in it. */
static void check_reuse(struct slots *slots)
{
    struct slot *first = slots_take(slots);
    struct slot *second = slots_take(slots);

    CHECK(first == &slots->slots[0] && second == &slots->slots[1] && slots->used == 2);
    CHECK(first->state == SLOT_TAKEN);
    run_killed(begin, slots, first);
    CHECK(first->state == SLOT_BEGUN && strcmp(first->client, "user:ann") == 0);
    slots_free(first);
    CHECK(first->state == SLOT_FREE && second->state == SLOT_TAKEN);
    CHECK(slots_take(slots) == first && first->state == SLOT_TAKEN);
    slots_begin(slots, first, "x");
    CHECK(first->state == SLOT_BEGUN && strcmp(first->client, "x") == 0);
    CHECK(first->client[3] == '\0' && slots->used == 2);
    slots_free(first);
    slots_free(second);
    slots_free(NULL);
}

/* Strangers are counted from when they are admitted, or when their sessions say so. */
static void check_strangers(struct slots *slots)
{
    const struct peer peer = {.kind = PEER_USER, .number = 7};
    struct slot *first = slots_take(slots);
    struct slot *second = slots_take(slots);

    CHECK(slots_count(slots) == 0 && slots_count_strangers(slots) == 0);
    CHECK(slots_admit(slots, first, &few, &peer, ACCESS_STRANGER) == NULL);
    CHECK(slots_admit(slots, second, &few, &peer, ACCESS_KNOWN) == NULL);
    CHECK(slots_count(slots) == 2 && slots_count_strangers(slots) == 1);
    slots_begin(slots, first, "anonymous");
    slots_begin(slots, second, "anonymous");
    CHECK(slots_count_strangers(slots) == 1);
    atomic_store(&second->class, ACCESS_STRANGER);
    CHECK(slots_count_strangers(slots) == 2);
    slots_free(first);
    slots_free(second);
    CHECK(slots_count(slots) == 0 && slots_count_strangers(slots) == 0);
    slots_free(slots_take(slots));
    CHECK(slots_count_strangers(slots) == 0);
}

/* Takes a slot for a session of this peer. Returns it, or NULL with the limit. */
static struct slot *admit(struct slots *slots, enum peer_kind kind, uint64_t number,
                          enum access_class class, const char **ret_limit)
{
    const struct peer peer = {.kind = kind, .number = number};
    struct slot *slot = slots_take(slots);

    *ret_limit = slots_admit(slots, slot, &few, &peer, class);
    if (*ret_limit == NULL)
        return slot;
    CHECK(slot->state == SLOT_TAKEN);
    slots_free(slot);
    return NULL;
}

static struct slot *admit_key(struct slots *slots, const char *name, const char **ret_limit)
{
    struct client client = {.class = ACCESS_KNOWN};
    struct slot *slot = slots_take(slots);

    (void)snprintf(client.name, sizeof client.name, "%s", name);
    *ret_limit = slots_admit_client(slots, slot, &few, &client);
    if (*ret_limit == NULL)
        return slot;
    CHECK(slot->state == SLOT_TAKEN);
    slots_free(slot);
    return NULL;
}

/* Peers share sessions by their numbers, and clients with a key by their names, at any address. */
static void check_limits(struct slots *slots)
{
    const char *limit = NULL;

    /* Four of an address, among them two strangers; then it may have no more. */
    CHECK(admit(slots, PEER_ADDRESS, 9, ACCESS_STRANGER, &limit) != NULL);
    CHECK(admit(slots, PEER_ADDRESS, 9, ACCESS_STRANGER, &limit) != NULL);
    CHECK(admit(slots, PEER_ADDRESS, 9, ACCESS_STRANGER, &limit) == NULL);
    CHECK(strcmp(limit, "limits.strangers") == 0);
    CHECK(admit(slots, PEER_ADDRESS, 9, ACCESS_KNOWN, &limit) != NULL);
    CHECK(admit(slots, PEER_ADDRESS, 9, ACCESS_KNOWN, &limit) != NULL);
    CHECK(admit(slots, PEER_ADDRESS, 9, ACCESS_KNOWN, &limit) == NULL);
    CHECK(strcmp(limit, "limits.per_address") == 0);
    /* Of the third stranger's place, another address has one. */
    CHECK(admit(slots, PEER_ADDRESS, 10, ACCESS_STRANGER, &limit) != NULL);
    CHECK(admit(slots, PEER_ADDRESS, 11, ACCESS_STRANGER, &limit) == NULL);
    /* A key is not of the address. */
    struct slot *web = admit_key(slots, "key:web", &limit);
    CHECK(web != NULL && web->state == SLOT_BEGUN && strcmp(web->client, "key:web") == 0);
    CHECK(admit_key(slots, "key:web", &limit) != NULL);
    CHECK(admit_key(slots, "key:web", &limit) == NULL);
    CHECK(strcmp(limit, "limits.per_user") == 0);
    CHECK(admit_key(slots, "key:db", &limit) != NULL);
    CHECK(admit(slots, PEER_UNKNOWN, 0, ACCESS_KNOWN, &limit) != NULL);
    /* Users count by themselves. */
    CHECK(admit(slots, PEER_USER, 8, ACCESS_KNOWN, &limit) != NULL);
    CHECK(admit(slots, PEER_USER, 8, ACCESS_KNOWN, &limit) != NULL);
    CHECK(admit(slots, PEER_USER, 8, ACCESS_KNOWN, &limit) == NULL);
    CHECK(strcmp(limit, "limits.per_user") == 0);
    /* A handshake is not a session, nor is one that has ended. */
    struct slot *handshake = slots_take(slots);
    slots_free(web);
    CHECK(slots_count(slots) == 10);
    CHECK(admit_key(slots, "key:web", &limit) != NULL);
    /* It makes room only while it is not admitted. */
    CHECK(slots_evict(handshake) && handshake->state == SLOT_EVICTED && !slots_evict(handshake));
    slots_free(handshake);
    CHECK(!slots_evict(web) && slots_count(slots) == 11);
    /* Some are kept for the daemon's own uid: two of sixteen. */
    CHECK(admit_key(slots, "key:a", &limit) != NULL && admit_key(slots, "key:b", &limit) != NULL);
    CHECK(admit_key(slots, "key:c", &limit) != NULL && admit_key(slots, "key:d", &limit) == NULL);
    CHECK(strcmp(limit, "limits.sessions") == 0);
    CHECK(admit(slots, PEER_USER, 20, ACCESS_OWN, &limit) != NULL);
    CHECK(admit(slots, PEER_USER, 20, ACCESS_OWN, &limit) != NULL);
    CHECK(admit(slots, PEER_USER, 21, ACCESS_OWN, &limit) == NULL);
    CHECK(strcmp(limit, "limits.sessions") == 0);
    for (uint32_t i = 0; i < slots->used; i++)
        slots_free(&slots->slots[i]);
}

/* A process that dies with the lock keeps nobody out, again and again. */
static void check_lock(struct slots *slots)
{
    for (int i = 0; i < 3; i++) {
        struct slot *slot = slots_take(slots);
        run_killed(lock_and_begin, slots, slot);
        slots_free(slot);
        CHECK(slots_take(slots) == slot);
        slots_begin(slots, slot, "anonymous");
        CHECK(pthread_mutex_trylock(&slots->lock) == 0);
        (void)pthread_mutex_unlock(&slots->lock);
        CHECK(strcmp(slot->client, "anonymous") == 0);
        slots_free(slot);
    }
}

/* Promises and bytes are summed up for each client, for as long as their slots are in use. */
static void check_promises(struct slots *slots)
{
    enum { LAPSE = 3600 * 1000 };
    struct slot *ann = slots_take(slots);
    struct slot *also_ann = slots_take(slots);
    struct slot *bob = slots_take(slots);

    slots_begin(slots, ann, "user:ann");
    slots_begin(slots, also_ann, "user:ann");
    slots_begin(slots, bob, "user:bob");

    /* At most a quarter for one client, in all of its sessions. */
    CHECK(slots_promise(slots, ann, 250, 1000, LAPSE) == 0 && ann->is_promised);
    CHECK(slots_promise(slots, ann, 251, 1000, LAPSE) == 0 && !ann->is_promised);
    CHECK(slots_promise(slots, ann, 200, 1000, LAPSE) == 0 && ann->is_promised);
    CHECK(slots_promise(slots, also_ann, 51, 1000, LAPSE) == 0 && !also_ann->is_promised);
    CHECK(slots_promise(slots, also_ann, 50, 1000, LAPSE) == 0 && also_ann->is_promised);
    CHECK(slots_coming(slots, "user:ann") == 250 && slots_coming(slots, "user:bob") == 0);
    /* The others have what is left, and a quarter of that as a promise. */
    CHECK(slots_promise(slots, bob, 751, 1000, LAPSE) < 0 && !bob->is_promised);
    CHECK(slots_promise(slots, bob, 750, 1000, LAPSE) == 0 && !bob->is_promised);
    CHECK(slots_promise(slots, bob, 187, 1000, LAPSE) == 0 && bob->is_promised);
    CHECK(slots_promise(slots, bob, 1, 250, LAPSE) < 0);
    CHECK(slots_promise(slots, bob, 0, 250, LAPSE) == 0);
    CHECK(slots_promise(slots, bob, 1, 0, LAPSE) < 0);
    /* A promise that lapsed, or whose session has ended, is not one. What is coming is. */
    ann->heard_ms = clock_ms() - LAPSE;
    CHECK(slots_promise(slots, bob, 950, 1000, LAPSE) == 0);
    CHECK(slots_coming(slots, "user:ann") == 250);
    slots_free(also_ann);
    CHECK(slots_promise(slots, bob, 1000, 1000, LAPSE) == 0);
    CHECK(slots_coming(slots, "user:ann") == 200);

    /* Hostile sizes. */
    CHECK(slots_promise(slots, ann, INT64_MAX, INT64_MAX - 1, LAPSE) < 0);
    CHECK(slots_promise(slots, ann, INT64_MAX, INT64_MAX, LAPSE) == 0 && !ann->is_promised);
    CHECK(slots_promise(slots, bob, INT64_MAX, INT64_MAX, LAPSE) == 0);
    CHECK(slots_coming(slots, "user:ann") == INT64_MAX);
    slots_begin(slots, also_ann, "user:ann");
    also_ann->coming = INT64_MAX;
    CHECK(slots_coming(slots, "user:ann") == INT64_MAX);
    ann->is_promised = also_ann->is_promised = true;
    ann->heard_ms = also_ann->heard_ms = clock_ms();
    CHECK(slots_promise(slots, bob, 1, INT64_MAX, LAPSE) < 0);
    CHECK(slots_promise(slots, bob, 0, INT64_MAX, LAPSE) == 0);
    slots_free(ann);
    slots_free(also_ann);
    slots_free(bob);
}

int main(void)
{
    struct slots *slots = slots_make(1);

    CHECK(slots != NULL);
    check_reuse(slots);
    check_strangers(slots);
    check_limits(slots);
    check_lock(slots);
    check_promises(slots);
    /* As many as the table has, and not one more. */
    slots->count = 3;
    slots->used = 0;
    CHECK(slots_take(slots) != NULL && slots_take(slots) != NULL && slots_take(slots) != NULL);
    CHECK(slots_take(slots) == NULL && slots->used == 3);
    return EXIT_SUCCESS;
}
