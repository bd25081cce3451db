/*
 * Slots: a table in memory that the parent and all workers share, with one slot for each session
 * under way. A session writes into its slot what it uses of the resources that are bounded for all
 * sessions together, or for all of one client. A bound is checked by adding up the slots.
 *
 * The parent takes a free slot before it hands a connection over, and frees it when the session has
 * ended or its process has crashed, so nothing is counted for a session that is gone. The parent
 * stores only the first members, up to the client, and never takes the lock, because a worker may hold
 * it. The session writes the rest of its slot: the client's name under the lock, what is atomic at any
 * time.
 *
 * The limits of how many sessions there may be count what is admitted. The parent admits a session
 * before it hands the connection over. A client over TLS is known only after the handshake, so such a
 * session admits itself; until then it counts only as a handshake (daemon/handshakes.h).
 *
 * A promise keeps room in the file system free for the bytes of an upload that were announced and
 * have no blocks yet: no other upload is accepted if it needs that room. It lapses when no bytes come
 * for a while.
 */
#ifndef DAEMON_SLOTS_H
#define DAEMON_SLOTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/access.h"
#include "daemon/peer.h"
#include "daemon/settings.h"
#include "daemon/store/record.h"

enum {
    SLOTS_SHARE = 4, /* one client is promised at most 1/4 of the space not promised to others */
};

#define SLOT_NO_PEER UINT64_MAX /* the number of no peer */

enum slot_state {
    SLOT_FREE,
    SLOT_TAKEN,    /* by the parent, for a connection that is not admitted yet */
    SLOT_EVICTED,  /* the same, and it had to make room for another one */
    SLOT_ADMITTED, /* its session has not begun: what the session writes is old */
    SLOT_BEGUN,    /* by its session: all of it counts */
};

struct slot {
    _Atomic int state;               /* enum slot_state */
    _Atomic int class;               /* enum access_class */
    _Atomic uint64_t peer;           /* its number, by which it counts; SLOT_NO_PEER: by the name */
    char client[RECORD_CLIENT_ROOM]; /* that name, as in struct client */
    _Atomic int64_t coming;   /* bytes that its upload may still add, and that are not allocated */
    _Atomic int64_t heard_ms; /* when its last bytes came, by clock_ms() */
    _Atomic bool is_promised; /* there is a promise for `coming` */
    _Atomic bool waits;       /* for files: WATCH, or GET with wait= */
    _Atomic bool scans;       /* the library now and then meanwhile, for want of notices */
};

struct slots {
    pthread_mutex_t lock;  /* held only while slots are looked at */
    uint32_t count;        /* slots in the table */
    _Atomic uint32_t used; /* slots that have ever been taken are before this one */
    struct slot slots[];
};

/*
 * Makes the table, before processes are forked. Pages that are never touched take no memory, so
 * there are slots for the most that limits.sessions can be set to. Where the system does not allow
 * that (vm.overcommit_memory=2), there are `least`. Returns NULL with errno set on failure.
 */
struct slots *slots_make(int64_t least);

/* For the parent: takes a free slot; NULL when there is none. */
struct slot *slots_take(struct slots *slots);

/*
 * Admits the session of a slot that was taken, for this peer. Returns NULL, or the setting that does
 * not allow one more.
 */
const char *slots_admit(struct slots *slots, struct slot *slot, const struct settings *settings,
                        const struct peer *peer, enum access_class class);

/*
 * The same for a session itself, whose client is known by its key: it counts for the client, from any
 * address.
 */
const char *slots_admit_client(struct slots *slots, struct slot *slot,
                               const struct settings *settings, const struct client *client);

/* Is the session of this slot admitted? */
bool slot_is_admitted(const struct slot *slot);

/* For the parent: marks the slot as evicted, unless it is admitted. Returns whether it was not. */
bool slots_evict(struct slot *slot);

/* For the parent: the session has ended. Does nothing for NULL. */
void slots_free(struct slot *slot);

/* For the session: begins to use its slot, and sets the client's name and all else to 0. */
void slots_begin(struct slots *slots, struct slot *slot, const char *client);

/* How many sessions are there? How many of strangers? */
int64_t slots_count(const struct slots *slots);
int64_t slots_count_strangers(const struct slots *slots);

/*
 * Promises room for the `bytes` that are still to come of this session's upload, where `free` bytes
 * of the file system are free. Promises of others lapse after `lapse_ms` without bytes. Returns 0,
 * also without a promise if the client's share is used up; or -1 when there is no room for them
 * beside what others were promised.
 */
int slots_promise(struct slots *slots, struct slot *slot, int64_t bytes, int64_t free,
                  int64_t lapse_ms);

/* The bytes still to come in all uploads of a client; at most INT64_MAX. */
int64_t slots_coming(struct slots *slots, const char *client);

/*
 * Begins a wait of this session for files. Returns false if `most` are under way for its client. To
 * end it, the session clears `waits`.
 */
bool slots_begin_wait(struct slots *slots, struct slot *slot, int64_t most);

/* How many sessions wait for files by scanning the library? */
int64_t slots_count_scanning(struct slots *slots);

#endif
