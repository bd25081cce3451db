/*
 * Values of options: numbers and times. The functions that read them return false, and leave `ret`
 * unchanged, for anything else.
 */
#ifndef PROTOCOL_VALUE_H
#define PROTOCOL_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    VALUE_TIME_ROOM = 32, /* bytes of a written time at most, with the NUL */
};

/* A decimal number from 0 to 2^63-1, without a sign or leading zeros. */
bool value_number(const char *bytes, size_t length, int64_t *ret);

/* Unix seconds with up to nine decimals, e.g. "1795428000.5". */
bool value_time(const char *bytes, size_t length, struct timespec *ret);

/*
 * Writes a time as value_time() reads it, with no more decimals than needed. Times before 1970
 * become 0. Returns `text`.
 */
const char *value_print_time(struct timespec time, char text[VALUE_TIME_ROOM]);

#endif
