#include "cli/retry.h"

#include <sys/random.h>

enum {
    LONGEST = 30, /* the longest pause is so many times the first one */
};

/* Up to a quarter more or less, so that clients that failed together do not come back together. */
static int64_t jitter(int64_t pause_ms)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        return pause_ms;
    return pause_ms - pause_ms / 4 + random % (pause_ms / 2 + 1);
}

bool retry_may_help(int code)
{
    switch (reason_of(code)) {
    case REASON_LOST:
    case REASON_TIMEOUT:
    case REASON_BUSY:
    case REASON_UNAVAILABLE:
        return true;
    default:
        return false;
    }
}

void retry_begin(struct retry *retry, struct connection *connection)
{
    const struct settings *settings = connection->settings;

    *retry = (struct retry){
        .connection = connection, .left = settings->retries, .pause_ms = settings->pause_ms};
}

bool retry_again(struct retry *retry, int code)
{
    int64_t longest = LONGEST * retry->connection->settings->pause_ms;

    if (retry->left == 0 || !retry_may_help(code) ||
        !connection_pause(retry->connection, jitter(retry->pause_ms)))
        return false;
    retry->left--;
    retry->pause_ms = retry->pause_ms < longest / 2 ? 2 * retry->pause_ms : longest;
    return true;
}
