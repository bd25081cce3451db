#include "daemon/store/seen.h"

#include <stdlib.h>

#include "protocol/reason.h"

enum {
    ROOM_FIRST = 1024,
};

/* Where a mark is, or would be. All bits of a mark but the lowest are random. */
static size_t find(const struct seen *seen, uint64_t mark)
{
    size_t place = (size_t)(mark >> 1) & (seen->room - 1);

    while (seen->slots[place] != 0 && seen->slots[place] != mark)
        place = (place + 1) & (seen->room - 1);
    return place;
}

bool seen_has(const struct seen *seen, uint64_t mark)
{
    return seen->room > 0 && seen->slots[find(seen, mark)] == mark;
}

int seen_add(struct seen *seen, uint64_t mark)
{
    if (seen_has(seen, mark))
        return 0;
    /* An eighth stays free, to keep searches short. */
    if (seen->count + 1 > seen->room / 8 * 7) {
        struct seen larger = {.room = seen->room > 0 ? 2 * seen->room : ROOM_FIRST,
                              .count = seen->count};
        larger.slots = calloc(larger.room, sizeof *larger.slots);
        if (larger.slots == NULL)
            return -REASON_INTERNAL;
        for (size_t i = 0; i < seen->room; i++) {
            if (seen->slots[i] != 0)
                larger.slots[find(&larger, seen->slots[i])] = seen->slots[i];
        }
        seen_free(seen);
        *seen = larger;
    }
    seen->slots[find(seen, mark)] = mark;
    seen->count++;
    return 0;
}

void seen_free(struct seen *seen)
{
    free(seen->slots);
    *seen = (struct seen){.slots = NULL};
}
