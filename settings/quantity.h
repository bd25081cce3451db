/*
 * Durations, ages, sizes and modes as people write them in settings and options. Readers return false,
 * and leave `ret` unchanged, for any other text.
 */
#ifndef SETTINGS_QUANTITY_H
#define SETTINGS_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    QUANTITY_ROOM = 24, /* bytes of a written duration or size, with its NUL */
};

/* A number and "ms", "s", "m", "h" or "d", in milliseconds. */
bool quantity_duration(const char *text, int64_t *ret_ms);

/*
 * A number and "s", "min", "h", "d" or "w", in seconds: how old something is. There is no "m", which
 * some programs take for minutes and others for months.
 */
bool quantity_age(const char *text, int64_t *ret_seconds);

/* A number and nothing, "K", "M", "G", "T" or "P", which are powers of 1024; in bytes. */
bool quantity_size(const char *text, int64_t *ret_bytes);

/* A file mode of four octal digits, the first of which is 0, as in "0640". */
bool quantity_mode(const char *text, int64_t *ret);

/* Write them with the largest unit that leaves a whole number, e.g. "90s" and "64M". Return `text`. */
const char *quantity_print_duration(int64_t ms, char text[QUANTITY_ROOM]);
const char *quantity_print_size(int64_t bytes, char text[QUANTITY_ROOM]);

/* Writes a size for people, rounded: 999, 1.5K, 20M. Returns `text`. */
const char *quantity_print_human(int64_t bytes, char text[QUANTITY_ROOM]);

/* The same with units in powers of 1000, for sentences: 999 B, 1.5 kB, 131.2 MB. Returns `text`. */
const char *quantity_print_bytes(int64_t bytes, char text[QUANTITY_ROOM]);

#endif
