#include "daemon/requests/put_decision.h"

#include <string.h>

#include "tests/unit/check.h"

/* Digests: put_decide() only compares them. */
#define A "sha256:a"
#define B "sha256:b"
#define C "sha256:c"

#define UPLOAD "0123456789abcdef0123456789abcdef"

/* Files under the name, of 3 bytes. */
enum there {
    NOTHING,
    STORED, /* with content A, by another client */
    MINE,   /* by this client's UPLOAD */
    COPIED, /* by hand: it has no digest yet */
    BROKEN, /* the same, and none can be made */
    KEPT,   /* in quarantine, with content A */
};

enum guard {
    ADDS, /* no replace= */
    ANY,  /* replace=1 */
    ONLY_A,
    ONLY_C,
};

/* Of no size, and what has become of the body. */
#define NO      (-1)
#define AWAITED PUT_BODY_AWAITED
#define SENT    PUT_BODY_SENT
#define WHOLE   PUT_BODY_WHOLE

struct row {
    enum there there;
    bool may_know;
    bool has_id;
    const char *digest;
    int64_t size;
    enum guard guard;
    enum put_body body;
    enum put_decision decision;
};

static const struct row rows[] = {
    /* A free name. */
    {NOTHING, true, false, NULL, NO, ADDS, AWAITED, PUT_RECEIVE},
    {NOTHING, false, true, A, 3, ADDS, AWAITED, PUT_RECEIVE},
    {NOTHING, true, false, NULL, 3, ADDS, SENT, PUT_RECEIVE},
    {NOTHING, true, false, A, 3, ADDS, WHOLE, PUT_LINK},
    {NOTHING, true, false, A, 3, ANY, AWAITED, PUT_RECEIVE},
    {NOTHING, true, false, A, 3, ANY, SENT, PUT_RECEIVE},
    {NOTHING, true, false, A, 3, ANY, WHOLE, PUT_LINK},
    {NOTHING, true, false, NULL, NO, ONLY_A, AWAITED, PUT_NOTHING_TO_REPLACE},
    {NOTHING, true, false, A, 3, ONLY_A, SENT, PUT_RECEIVE},
    {NOTHING, true, false, A, 3, ONLY_A, WHOLE, PUT_NOTHING_TO_REPLACE},
    /* A taken name: who may look is answered at once, and others when their bytes are known. */
    {STORED, true, false, NULL, NO, ADDS, AWAITED, PUT_EXISTS},
    {STORED, true, false, A, 3, ADDS, AWAITED, PUT_EXISTS},
    {STORED, true, true, B, 3, ADDS, AWAITED, PUT_EXISTS},
    {STORED, false, false, NULL, NO, ADDS, AWAITED, PUT_RECEIVE},
    {STORED, false, true, NULL, 3, ADDS, AWAITED, PUT_RECEIVE},
    {STORED, false, false, A, NO, ADDS, AWAITED, PUT_EXISTS},
    {STORED, false, false, B, NO, ADDS, AWAITED, PUT_EXISTS},
    {STORED, true, false, NULL, 3, ADDS, SENT, PUT_COMPARE},
    {STORED, false, false, NULL, 3, ADDS, SENT, PUT_COMPARE},
    {STORED, true, false, A, 3, ADDS, SENT, PUT_COMPARE},
    {STORED, true, false, A, 3, ADDS, WHOLE, PUT_EXISTS},
    {STORED, false, false, B, 3, ADDS, WHOLE, PUT_EXISTS},
    {COPIED, true, false, NULL, NO, ADDS, AWAITED, PUT_EXISTS},
    {COPIED, false, false, A, 3, ADDS, AWAITED, PUT_EXISTS},
    {COPIED, false, true, NULL, 3, ADDS, AWAITED, PUT_RECEIVE},
    {COPIED, true, false, A, 3, ADDS, WHOLE, PUT_EXISTS},
    /* The same upload: its answer was lost. What it announces must be what was stored. */
    {MINE, true, true, NULL, NO, ADDS, AWAITED, PUT_DONE},
    {MINE, false, true, NULL, 3, ADDS, AWAITED, PUT_DONE},
    {MINE, false, true, A, 3, ANY, AWAITED, PUT_DONE},
    {MINE, true, true, A, NO, ONLY_C, AWAITED, PUT_DONE},
    {MINE, true, true, A, 3, ADDS, WHOLE, PUT_DONE},
    {MINE, true, true, A, 3, ANY, WHOLE, PUT_DONE},
    {MINE, true, true, B, 3, ADDS, AWAITED, PUT_EXISTS},
    {MINE, true, true, NULL, 4, ADDS, AWAITED, PUT_EXISTS},
    {MINE, true, true, B, 3, ADDS, WHOLE, PUT_EXISTS},
    {MINE, false, true, NULL, 4, ADDS, AWAITED, PUT_RECEIVE},
    {MINE, true, false, A, 3, ADDS, AWAITED, PUT_EXISTS},
    {MINE, true, true, B, 3, ANY, WHOLE, PUT_REPLACE},
    /* Replacing whatever is there, but not by the same bytes. */
    {STORED, true, false, NULL, NO, ANY, AWAITED, PUT_RECEIVE},
    {STORED, true, false, A, 3, ANY, AWAITED, PUT_EXISTS},
    {STORED, false, false, A, 3, ANY, AWAITED, PUT_EXISTS},
    {STORED, true, false, B, 3, ANY, AWAITED, PUT_RECEIVE},
    {STORED, true, false, A, 3, ANY, SENT, PUT_RECEIVE},
    {STORED, true, false, A, 3, ANY, WHOLE, PUT_EXISTS},
    {STORED, true, false, B, 3, ANY, WHOLE, PUT_REPLACE},
    {COPIED, true, false, NULL, 3, ANY, AWAITED, PUT_RECEIVE},
    {COPIED, true, false, B, 3, ANY, AWAITED, PUT_MAKE_DIGEST},
    {COPIED, true, false, B, 4, ANY, AWAITED, PUT_RECEIVE},
    {COPIED, true, false, B, 3, ANY, SENT, PUT_RECEIVE},
    {COPIED, true, false, B, 3, ANY, WHOLE, PUT_MAKE_DIGEST},
    {COPIED, true, false, B, 4, ANY, WHOLE, PUT_REPLACE},
    {BROKEN, true, false, B, 3, ANY, AWAITED, PUT_RECEIVE},
    {BROKEN, true, false, B, 3, ANY, WHOLE, PUT_REPLACE},
    /* Replacing one content only. */
    {STORED, true, false, NULL, NO, ONLY_A, AWAITED, PUT_RECEIVE},
    {STORED, true, false, NULL, NO, ONLY_C, AWAITED, PUT_RECEIVE},
    {STORED, true, false, B, 3, ONLY_A, AWAITED, PUT_RECEIVE},
    {STORED, true, false, B, 3, ONLY_C, AWAITED, PUT_OTHER_FILE},
    {STORED, false, false, B, 3, ONLY_C, AWAITED, PUT_OTHER_FILE},
    {STORED, true, false, A, 3, ONLY_C, AWAITED, PUT_EXISTS},
    {STORED, true, false, B, 3, ONLY_C, SENT, PUT_RECEIVE},
    {STORED, true, false, B, 3, ONLY_A, WHOLE, PUT_REPLACE},
    {STORED, true, false, B, 3, ONLY_C, WHOLE, PUT_OTHER_FILE},
    {STORED, true, false, A, 3, ONLY_A, WHOLE, PUT_EXISTS},
    {COPIED, true, false, B, 4, ONLY_A, AWAITED, PUT_MAKE_DIGEST},
    {COPIED, true, false, B, 4, ONLY_A, WHOLE, PUT_MAKE_DIGEST},
    {BROKEN, true, false, B, 4, ONLY_A, AWAITED, PUT_UNREADABLE},
    {BROKEN, true, false, B, 4, ONLY_A, WHOLE, PUT_UNREADABLE},
    /* A name that is kept for bytes that repair it. */
    {KEPT, true, false, NULL, 3, ADDS, AWAITED, PUT_RECEIVE},
    {KEPT, true, false, A, 3, ADDS, AWAITED, PUT_RECEIVE},
    {KEPT, true, false, A, 3, ADDS, SENT, PUT_RECEIVE},
    {KEPT, true, false, A, 3, ADDS, WHOLE, PUT_LINK},
    {KEPT, true, false, B, 3, ADDS, AWAITED, PUT_EXISTS},
    {KEPT, false, false, B, 3, ADDS, AWAITED, PUT_EXISTS},
    {KEPT, true, false, B, 3, ADDS, SENT, PUT_COMPARE},
    {KEPT, true, false, B, 3, ADDS, WHOLE, PUT_EXISTS},
    {KEPT, true, false, B, 3, ANY, AWAITED, PUT_RECEIVE},
    {KEPT, true, false, B, 3, ANY, WHOLE, PUT_LINK},
    {KEPT, true, false, B, 3, ONLY_A, AWAITED, PUT_NOTHING_TO_REPLACE},
    {KEPT, true, false, B, 3, ONLY_A, WHOLE, PUT_NOTHING_TO_REPLACE},
};

static enum put_decision decide(const struct row *row)
{
    struct stored stored = {.status = {.st_size = 3}};
    struct put_facts facts = {.client = "user:me",
                              .may_know = row->may_know,
                              .upload = row->has_id ? UPLOAD : NULL,
                              .digest = row->digest,
                              .size = row->size,
                              .replaces = row->guard != ADDS,
                              .guard = row->guard == ONLY_A   ? A
                                       : row->guard == ONLY_C ? C
                                                              : NULL,
                              .body = row->body,
                              .is_unreadable = row->there == BROKEN};

    if (row->there != NOTHING) {
        facts.name = row->there == KEPT ? PUT_NAME_QUARANTINED : PUT_NAME_TAKEN;
        facts.there = &stored;
    }
    if (row->there == STORED || row->there == MINE || row->there == KEPT)
        stored.record = (struct record){.digest = A, .size = 3, .by = "user:other"};
    if (row->there == MINE)
        stored.record = (struct record){.digest = A, .size = 3, .by = "user:me", .upload = UPLOAD};
    return put_decide(&facts);
}

/* What must hold whatever the facts. */
static void check_rules(const struct row *row)
{
    enum put_decision decision = decide(row);
    bool is_free = row->there == NOTHING || row->there == KEPT;

    switch (decision) {
    case PUT_RECEIVE:
        CHECK(row->body != WHOLE);
        break;
    case PUT_COMPARE:
        CHECK(row->body == SENT && row->guard == ADDS && row->there != NOTHING);
        break;
    case PUT_MAKE_DIGEST:
        CHECK(row->there == COPIED && row->guard != ADDS && row->digest != NULL);
        break;
    case PUT_LINK:
        CHECK(row->body == WHOLE && is_free && row->guard <= ANY);
        CHECK(row->there == NOTHING || row->guard == ANY || strcmp(row->digest, A) == 0);
        break;
    case PUT_REPLACE:
        CHECK(row->body == WHOLE && !is_free && row->guard != ADDS && row->guard != ONLY_C);
        CHECK(row->there == COPIED || row->there == BROKEN || strcmp(row->digest, A) != 0);
        break;
    case PUT_DONE:
        CHECK(row->there == MINE && row->has_id);
        CHECK(row->size != 4 && (row->digest == NULL || strcmp(row->digest, A) == 0));
        break;
    case PUT_EXISTS:
        CHECK(row->there != NOTHING && row->body != SENT);
        CHECK(row->may_know || row->digest != NULL);
        break;
    case PUT_NOTHING_TO_REPLACE:
        CHECK(row->body != SENT && is_free && row->guard > ANY);
        break;
    case PUT_OTHER_FILE:
        CHECK(row->body != SENT && !is_free && row->guard == ONLY_C);
        CHECK(row->digest != NULL && strcmp(row->digest, A) != 0);
        break;
    case PUT_UNREADABLE:
        CHECK(row->body != SENT && row->there == BROKEN && row->guard > ANY);
        break;
    }
}

/* All combinations that can be: one with an id is not sent ahead, and of a whole body all is known. */
static void check_all(void)
{
    static const char *const digests[] = {NULL, A, B};

    for (enum there there = NOTHING; there <= KEPT; there++)
        for (enum guard guard = ADDS; guard <= ONLY_C; guard++)
            for (int other = 0; other < 3 * 2 * 2 * 3 * 3; other++) {
                const struct row row = {.there = there,
                                        .guard = guard,
                                        .body = (enum put_body)(other % 3),
                                        .may_know = other / 3 % 2,
                                        .has_id = other / 6 % 2,
                                        .digest = digests[other / 12 % 3],
                                        .size = other / 36 == 0 ? NO : 2 + other / 36};
                if (!(row.body == SENT && row.has_id) &&
                    !(row.body == WHOLE && (row.digest == NULL || row.size == NO)))
                    check_rules(&row);
            }
}

int main(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (decide(&rows[i]) != rows[i].decision)
            (void)fprintf(stderr, "row %zu: %d, not %d\n", i, (int)decide(&rows[i]),
                          (int)rows[i].decision);
        CHECK(decide(&rows[i]) == rows[i].decision);
    }
    check_all();
    return 0;
}
