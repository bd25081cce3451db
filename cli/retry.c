#include "cli/retry.h"

#include <sys/random.h>

#include "cli/console.h"
#include "protocol/clock.h"

enum {
    LONGEST = 30, /* the longest pause is so many times the first one */
};

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

    *retry = (struct retry){.connection = connection,
                            .left = settings->retries,
                            .pause_ms = settings->pause_ms,
                            .began_ms = clock_ms()};
}

bool retry_again(struct retry *retry, int code)
{
    int64_t longest = LONGEST * retry->connection->settings->pause_ms;
    int64_t pause_ms = retry->pause_ms;
    uint32_t random = 0;

    if (retry->left == 0 || !retry_may_help(code))
        return false;
    int64_t attempts = retry->connection->settings->retries + 1;
    int64_t next = attempts - retry->left + 1;
    /* Up to a quarter more or less: clients that failed together must not come back together. */
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) >= 0)
        pause_ms += random % (pause_ms / 2 + 1) - pause_ms / 4;
    if (clock_ms() + pause_ms - retry->began_ms > retry->connection->settings->retry_ms) {
        console_note("no other attempt, because of --retry-max-time");
        return false;
    }
    if (!connection_may_pause(retry->connection, pause_ms)) {
        connection_close(retry->connection);
        console_note("no other attempt, because of --max-time");
        return false;
    }
    console_note("attempt %lld of %lld in %.1f s: %s", (long long)next, (long long)attempts,
                 (double)pause_ms / 1000, retry->connection->failure->text);
    (void)connection_pause(retry->connection, pause_ms);
    retry->left--;
    retry->pause_ms = retry->pause_ms < longest / 2 ? 2 * retry->pause_ms : longest;
    return true;
}
