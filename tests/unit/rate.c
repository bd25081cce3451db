#include "cli/rate.h"

#include "tests/unit/check.h"

/* Moves pieces for so long, on a clock that stands still but for waits, each of which is `late_ms` longer. */
static int64_t move(int64_t per_second, int64_t for_ms, int64_t late_ms)
{
    struct rate rate = {.per_second = per_second};
    int64_t begin = 1000000;
    int64_t now = begin;
    int64_t moved = 0;

    while (now < begin + for_ms) {
        size_t piece = rate_piece(&rate, 65536);
        CHECK(piece > 0 && piece <= 65536);
        CHECK((int64_t)piece <= per_second / 20 + 1);
        moved += (int64_t)piece;
        rate_count(&rate, piece, now);
        int64_t wait = rate_wait_ms(&rate, now);
        CHECK(wait <= 1001);
        now += wait > 0 ? wait + late_ms : 0;
        /* At no time is it more than a piece and what may be made up for ahead of the rate. */
        CHECK(moved <= per_second * (now - begin + RATE_BEHIND_MS + RATE_PIECE_MS) / 1000 + 1);
    }
    return moved;
}

static void check_rates(void)
{
    static const int64_t rates[] = {1, 1024, 500 * 1024, 1000003, 1024 * 1024};

    for (size_t i = 0; i < COUNT(rates); i++) {
        int64_t expected = rates[i] * 60;
        for (int64_t late_ms = 0; late_ms <= 40; late_ms += 10) {
            int64_t moved = move(rates[i], 60000, late_ms);
            /* Waits that take too long are made up for. */
            CHECK(moved >= expected - expected / 50 - 1);
            CHECK(moved <= expected + expected / 50 + 1);
        }
    }
}

static void check_limits(void)
{
    struct rate none = {.per_second = 0};
    struct rate rate = {.per_second = 10000};
    struct rate fast = {.per_second = INT64_MAX};

    CHECK(rate_piece(&none, 12345) == 12345);
    rate_count(&none, 1 << 30, 5);
    CHECK(rate_wait_ms(&none, 5) == 0);

    CHECK(rate_piece(&fast, 12345) == 12345);
    rate_count(&fast, 1 << 30, 5);
    CHECK(rate_wait_ms(&fast, 5) == 0);

    /* A pause of an hour is not made up for by a burst. */
    CHECK(rate_piece(&rate, 12345) == 500);
    rate_count(&rate, 10000, 1000);
    CHECK(rate_wait_ms(&rate, 1000) == 1000 - RATE_BEHIND_MS);
    rate_count(&rate, 10000, 3601000);
    CHECK(rate_wait_ms(&rate, 3601000) == 1000 - RATE_BEHIND_MS);
    rate_count(&rate, 10000, 3601000);
    CHECK(rate_wait_ms(&rate, 3601000) == 2000 - RATE_BEHIND_MS);
    CHECK(rate_wait_ms(&rate, 3603000) == 0);
}

int main(void)
{
    check_rates();
    check_limits();
    return 0;
}
