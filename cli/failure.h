/*
 * Failures: what went wrong, as a line for people. The reason is what the functions return.
 */
#ifndef CLI_FAILURE_H
#define CLI_FAILURE_H

#include "protocol/reason.h"

enum {
    FAILURE_ROOM = 8192, /* bytes of the line, with its NUL */
};

/* Begins with failure_clear(). */
struct failure {
    char text[FAILURE_ROOM]; /* "SUBJECT: what is wrong"; empty: nothing to say */
    size_t what;             /* where in it "what is wrong" begins */
};

/* Nothing has failed. */
void failure_clear(struct failure *failure);

/*
 * Fills a failure. The line is "SUBJECT: ...", or without a subject where that is NULL; an empty one
 * is shown as "". It is printed as utf8_clean() has it. Returns the
 * negative of `reason`, for the caller to return.
 */
int fail(struct failure *failure, enum reason reason, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same: `what`, then the text of the system's error in errno. */
int fail_errno(struct failure *failure, enum reason reason, const char *subject, const char *what);

/* The same without a line, for when nobody reads stdout any more or the line is printed elsewhere. */
int fail_quietly(struct failure *failure, enum reason reason);

/* Writes what is wrong without any names: its subject is left out, and each quotation is "...". */
void failure_kind(const struct failure *failure, char *text, size_t room);

/* Prints the line on stderr after "fsc: ", unless it is empty, and empties it. */
void failure_print(struct failure *failure);

#endif
