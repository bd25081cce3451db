/*
 * Retries: another attempt, after a pause, at what failed for a reason that may pass.
 *
 *     retry_begin(&retry, connection);
 *     do
 *         code = attempt();
 *     while (retry_again(&retry, code));
 *
 * The failure that remains is that of the last attempt.
 */
#ifndef CLI_RETRY_H
#define CLI_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/connection.h"

struct retry {
    struct connection *connection;
    int64_t left;     /* attempts; the caller sets it to 0 if another one cannot succeed */
    int64_t pause_ms; /* before the next one, give or take a quarter */
    int64_t began_ms; /* of clock_ms() */
};

/* Is this a reason whose exit code says "retry": 10, 11 or 12? */
bool retry_may_help(int code);

/* Begins with as many attempts as the settings allow. */
void retry_begin(struct retry *retry, struct connection *connection);

/*
 * Should there be another attempt after one that returned `code`? If retry_may_help(), and there are
 * attempts left, closes the connection, pauses and returns true. The pause counts as waiting for the
 * server; if it would use up --max-time, or last longer than --retry-max-time, returns false at once.
 */
bool retry_again(struct retry *retry, int code);

#endif
