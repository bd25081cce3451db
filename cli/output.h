/*
 * Output: what fsc writes to stdout.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdarg.h>
#include <stddef.h>

#include "cli/failure.h"

enum {
    OUTPUT_LONGEST = 8192, /* bytes that are printed at once */
};

/*
 * Adds text of at most OUTPUT_LONGEST bytes to what is to go to stdout, and writes when there is
 * enough. Returns 0, or -REASON_LOCAL when stdout cannot be written; output_flush() then gives the
 * cause.
 */
int output_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
int output_print_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/* Adds a text of any length, as it is. As output_print(). */
int output_text(const char *text);

/*
 * Prints a line, key, gap and value, where the value came from a server, and so goes through
 * utf8_clean(). As output_print().
 */
int output_print_field(const char *key, const char *gap, const char *value);

/*
 * Writes what has been printed so far. Returns 0 or -REASON_LOCAL; when the reader of stdout is
 * gone, the failure has no line. Once it has failed, nothing more is written, and each call fails.
 */
int output_flush(struct failure *failure);

/* write(2) of all bytes, also where the descriptor is non-blocking. 0, or -1 with errno set. */
int output_write_all(int fd, const char *bytes, size_t length);

#endif
