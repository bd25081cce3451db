/*
 * Progress: how far a run has come, on a terminal.
 */
#ifndef SCRUB_PROGRESS_H
#define SCRUB_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    AMOUNT_ROOM = 16, /* bytes of a text that amount_print() writes, with its NUL */
};

struct progress {
    bool is_shown;    /* there is a terminal to show it */
    int64_t total;    /* bytes that are to be read */
    int64_t done;     /* that were read */
    int64_t began_ms; /* when the first of them were there */
    int64_t shown_ms; /* when it was shown for the last time */
};

/* Begins; it is shown on stderr if that is a terminal. The caller adds to `total`. */
void progress_begin(struct progress *progress);

/* So many bytes more were read. */
void progress_add(struct progress *progress, int64_t bytes);

/* Makes room for a line, on a terminal. */
void progress_hide(const struct progress *progress);

/* Writes a number of bytes for people, as "12 bytes" or "1.5G", of 1024 each. Returns `text`. */
const char *amount_print(uint64_t bytes, char text[AMOUNT_ROOM]);

#endif
