/*
 * Values of options: numbers and times. All readers take bytes and a length, and leave `ret` alone when they refuse.
 */
#ifndef PROTOCOL_VALUE_H
#define PROTOCOL_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    VALUE_TIME_ROOM = 32, /* bytes that a written time takes at most, with its NUL */
};

/* A decimal number without sign or leading zeros, 0 to 2^63-1. */
bool value_number(const char *bytes, size_t length, int64_t *ret);

/* Unix seconds with up to nine decimals, e.g. "1795428000.5". */
bool value_time(const char *bytes, size_t length, struct timespec *ret);

/*
 * Writes a time as value_time() reads it, with no more decimals than it needs. Times before
 * 1970 cannot be written; they become 0. Returns `text`.
 */
const char *value_print_time(struct timespec time, char text[VALUE_TIME_ROOM]);

#endif
