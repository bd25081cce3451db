/*
 * Reports: what became of a file that was to be stored, fetched or deleted, as a line of JSON.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/digest.h"

/* What became of a file; begins as {0}. */
struct outcome {
    bool was_there;           /* there were the same bytes already */
    int64_t size;             /* of the whole file; -1: not known */
    char digest[DIGEST_ROOM]; /* empty: not known */
};

/*
 * Prints a line for a transfer between `name` and `local`, or for something else that was done to
 * the file when `local` is NULL. `code` is 0 or the reason for which it failed, of which the last
 * complaint was. `done` says what it does, e.g. "stored" or "fetched".
 */
void report_print(const char *name, const char *local, const char *done, int code,
                  const struct outcome *outcome);

#endif
