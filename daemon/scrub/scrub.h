/*
 * Scrubbing: reads the files of a library and compares them with their records.
 */
#ifndef SCRUB_SCRUB_H
#define SCRUB_SCRUB_H

#include <stdbool.h>
#include <stdint.h>

struct scrub_plan {
    const char *folder;  /* or the name of a file; NULL for the whole library */
    bool must_be_folder; /* it was given with a '/' at its end */
    int64_t rate;        /* bytes per second; 0: as fast as possible */
    bool quarantine;     /* move damaged files there */
    bool record;         /* give a record to files that have none */
};

/*
 * Scrubs the library at an absolute path. Prints a line on stdout for each damaged file, one on
 * stderr for each failure, and finally a summary on stderr. Returns whether there was neither
 * damage nor a failure.
 *
 * Root becomes the owner of the library while it changes anything in it. So the daemon can use what
 * is made, and that user cannot lead root to other files.
 */
bool scrub_run(const char *library, const struct scrub_plan *plan);

/* Prints "fsd-scrub: SUBJECT: MESSAGE" on stderr, with '?' for control characters. */
void scrub_print_error(const char *subject, const char *message);

#endif
