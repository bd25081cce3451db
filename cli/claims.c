#include "cli/claims.h"

#include <nettle/sha2.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum {
    SLOTS = 2 * 1024 * 1024,
    CLAIMS_MOST = SLOTS / 4 * 3,
    HASH_LENGTH = 16, /* bytes of a digest; so many do not meet by chance */
};

/* A place in the table; all zero: it is free. */
struct claim {
    uint8_t name[HASH_LENGTH];
    uint8_t owner[HASH_LENGTH];
};

static void hash(const void *bytes, size_t length, uint8_t ret[HASH_LENGTH])
{
    struct sha256_ctx sha256;

    sha256_init(&sha256);
    sha256_update(&sha256, length, bytes);
    sha256_digest(&sha256, HASH_LENGTH, ret);
}

static struct claim make_claim(const void *name, size_t length, const char *owner)
{
    struct claim claim = {{0}, {0}};

    hash(name, length, claim.name);
    hash(owner, strlen(owner), claim.owner);
    return claim;
}

static bool has_same_name(const struct claim *left, const struct claim *right)
{
    return memcmp(left->name, right->name, HASH_LENGTH) == 0;
}

/* The slot of a claim's name, or the free one where it belongs. */
static struct claim *find(const struct claims *claims, const struct claim *claim)
{
    static const struct claim none;
    uint32_t place = 0;

    for (memcpy(&place, claim->name, sizeof place);; place++) {
        struct claim *slot = &claims->slots[place % SLOTS];
        if (has_same_name(slot, claim) || has_same_name(slot, &none))
            return slot;
    }
}

int claims_begin(struct claims *claims)
{
    /* A page takes no memory until something is written to it. */
    void *slots = mmap(NULL, SLOTS * sizeof *claims->slots, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (slots == MAP_FAILED)
        return -1;
    *claims = (struct claims){.slots = slots};
    return 0;
}

void claims_free(struct claims *claims)
{
    if (claims->slots != NULL)
        (void)munmap(claims->slots, SLOTS * sizeof *claims->slots);
    claims->slots = NULL;
}

bool claims_conflict(const struct claims *claims, const void *name, size_t length,
                     const char *owner)
{
    if (claims->slots == NULL)
        return false;
    const struct claim claim = make_claim(name, length, owner);
    const struct claim *slot = find(claims, &claim);
    return has_same_name(slot, &claim) && memcmp(slot->owner, claim.owner, HASH_LENGTH) != 0;
}

void claims_note(struct claims *claims, const void *name, size_t length, const char *owner)
{
    if (claims->slots == NULL)
        return;
    if (claims->count == CLAIMS_MOST) {
        memset(claims->slots, 0, SLOTS * sizeof *claims->slots);
        claims->count = 0;
    }
    const struct claim claim = make_claim(name, length, owner);
    struct claim *slot = find(claims, &claim);
    claims->count += !has_same_name(slot, &claim);
    *slot = claim;
}
