/*
 * Retries: another attempt, after a pause, at what failed for a reason that may be gone by then.
 *
 *     retry_begin(&retry, connection);
 *     do
 *         code = attempt();
 *     while (retry_again(&retry, code));
 *
 * The failure that is left is that of the last attempt.
 */
#ifndef CLI_RETRY_H
#define CLI_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/connection.h"

struct retry {
    struct connection *connection;
    int64_t left;     /* attempts; 0 from whoever finds that there can be no other */
    int64_t pause_ms; /* before the next one, more or less */
};

/* Is this a reason whose exit code says "retry": 10, 11 or 12? */
bool retry_may_help(int code);

/* Begins with the attempts of the settings, and holds complaints back until retry_end(). */
void retry_begin(struct retry *retry, struct connection *connection);

/*
 * Is another attempt due after one that ended with `code`? One is after the exit codes 10, 11 and
 * 12, also when there was no connection. Closes the connection then, and pauses, which counts as
 * waiting for the server: for a pause that would use up --max-time there is no other attempt.
 */
bool retry_again(struct retry *retry, int code);

#endif
