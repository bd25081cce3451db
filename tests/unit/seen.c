#include "daemon/store/seen.h"

#include "tests/unit/check.h"

/* Marks that begin alike, so that they are in each other's way, and as different as can be. */
static uint64_t mark(uint64_t number)
{
    return number % 2 == 0 ? number * 4096 + 2 : number * UINT64_C(0x9E3779B97F4A7C15);
}

int main(void)
{
    struct seen seen = {.slots = NULL};

    CHECK(!seen_has(&seen, 2));
    for (uint64_t i = 0; i < 10000; i++) {
        CHECK(!seen_has(&seen, mark(i)));
        CHECK(seen_add(&seen, mark(i)) == 0 && seen_add(&seen, mark(i)) == 0);
        CHECK(seen_has(&seen, mark(i)) && seen.count == i + 1);
        /* Some place is always free, or a search would not end. */
        CHECK(seen.count < seen.room && 7 * seen.room <= 16 * seen.count + 8192);
    }
    for (uint64_t i = 0; i < 20000; i++)
        CHECK(seen_has(&seen, mark(i)) == (i < 10000));
    seen_free(&seen);
    CHECK(seen.count == 0 && !seen_has(&seen, mark(1)));
    return 0;
}
