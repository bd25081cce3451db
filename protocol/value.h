/*
 * Values of options: numbers, times, digests; and the durations and sizes that people write in
 * settings. All readers take bytes and a length, and leave `ret` alone when they refuse.
 */
#ifndef PROTOCOL_VALUE_H
#define PROTOCOL_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    VALUE_TIME_ROOM = 32, /* bytes that a written time takes at most, with its NUL */
    VALUE_UNIT_ROOM = 24, /* the same of a duration or size */
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

/* A number with "ms", "s", "m", "h" or "d" behind it, in milliseconds. */
bool value_duration(const char *bytes, size_t length, int64_t *ret_ms);

/* A number with nothing, "K", "M", "G", "T" or "P" behind it, powers of 1024, in bytes. */
bool value_size(const char *bytes, size_t length, int64_t *ret_bytes);

/* A file mode of four octal digits, the first of them 0, as in "0640". */
bool value_mode(const char *bytes, size_t length, int64_t *ret);

/* Write durations and sizes as these read them, e.g. "90s" and "64M". They return `text`. */
const char *value_print_duration(int64_t ms, char text[VALUE_UNIT_ROOM]);
const char *value_print_size(int64_t bytes, char text[VALUE_UNIT_ROOM]);

#endif
