/*
 * Scrubbing: reads the files of a library and compares them with their records.
 */
#ifndef SCRUB_SCRUB_H
#define SCRUB_SCRUB_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/scrub/owner.h"
#include "daemon/store/library.h"

struct scrub_plan {
    const char *folder;  /* or a file's name; NULL for the whole library */
    bool must_be_folder; /* it was written with a '/' behind it */
    int64_t rate;        /* bytes per second; 0: as fast as can be */
    bool quarantine;     /* damaged files are moved there */
    bool record;         /* files without a record get one */
};

/*
 * Prints a line on stdout for each damaged file, one on stderr for each failure, and in the end one
 * on stderr with what was seen. Returns whether there was neither damage nor failure.
 */
bool scrub_run(const struct library *library, const struct owner *owner,
               const struct scrub_plan *plan);

/*
 * Writes one line on stderr, "fsd-scrub: SUBJECT: FAULT", in which control characters are shown as
 * '?'.
 */
void scrub_complain(const char *subject, const char *fault);

#endif
