/*
 * Output: what fsc says on stdout and stderr.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/reason.h"

enum {
    OUTPUT_LONGEST = 8192, /* bytes that are printed at once */
};

/*
 * Writes one line on stderr, "fsc: SUBJECT: ...", in which control characters are shown as '?'.
 * `subject` may be NULL. Returns the negative of `reason`, for the caller to return.
 */
int complain(enum reason reason, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with the text of the system's error in errno behind it. */
int complain_errno(enum reason reason, const char *subject, const char *what);

/*
 * From now on complaints are held back, and only the last one is kept; it is told at the release,
 * if `is_told`, and there was one. Not to be nested.
 */
void complaint_hold(void);
void complaint_release(bool is_told);

/* The text of the last complaint, without "fsc: "; empty when there was none. */
const char *complaint_last(void);

/*
 * Adds text to what is to go to stdout, and writes when enough has come together; what is printed
 * at once is OUTPUT_LONGEST at most. Returns 0, or -REASON_LOCAL when stdout cannot be written,
 * after complaining of it once; of a reader that is gone nothing is said.
 */
int output_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Adds a text of any length, as it is. As output_print(). */
int output_text(const char *text);

/*
 * Prints a line, key, gap and value, of which the value came from a server: control characters, and
 * bytes that are no valid UTF-8, are shown as '?'. As output_print().
 */
int output_print_field(const char *key, const char *gap, const char *value);

/* Writes what has been printed so far. As output_print(). */
int output_flush(void);

/* write(2) of all bytes, also where the descriptor is non-blocking. 0, or -1 with errno set. */
int output_write_all(int fd, const char *bytes, size_t length);

#endif
