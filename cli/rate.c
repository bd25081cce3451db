#include "cli/rate.h"

size_t rate_piece(const struct rate *rate, size_t most)
{
    int64_t piece = rate->per_second / (1000 / RATE_PIECE_MS);

    if (rate->per_second == 0 || piece > (int64_t)most)
        return most;
    return piece > 0 ? (size_t)piece : 1;
}

void rate_count(struct rate *rate, size_t bytes, int64_t now_ms)
{
    int64_t earliest = (now_ms - RATE_BEHIND_MS) * 1000;

    if (rate->per_second == 0)
        return;
    if (rate->due_us < earliest)
        rate->due_us = earliest;
    rate->due_us += (int64_t)bytes * 1000000 / rate->per_second;
}

int64_t rate_wait_ms(const struct rate *rate, int64_t now_ms)
{
    int64_t left_us = rate->due_us - now_ms * 1000;

    return rate->per_second > 0 && left_us > 0 ? (left_us + 999) / 1000 : 0;
}
