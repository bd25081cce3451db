/*
 * Progress: how far a run has come, for a person who looks at a terminal. It is shown below what was
 * printed, a row for the file at hand and one for all files, and is gone in the end.
 *
 * There is no timer: the code that moves bytes calls, and each call looks at the clock. Nothing is shown in
 * the first half second, and never more than ten times a second.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"

/*
 * From now on progress is shown as rows if standard error is a terminal and we are in its foreground,
 * or elsewhere with --progress as a line every few seconds; not with --no-progress or -q.
 */
void progress_begin(const struct options *options);

/* Shows nothing more, and takes away what is shown. */
void progress_end(void);

/* Is it worth knowing how much there is to do? */
bool progress_is_wanted(void);

/* Called once, when something is to be shown, to find out what to expect. */
typedef void progress_measure(void *context);
void progress_set_measure(progress_measure *measure, void *context);

/* This many more files will come, with this many bytes in all; -1: their sizes are not known. */
void progress_expect(size_t files, int64_t bytes);

/* While it holds, nothing is shown: several files end at once. */
void progress_hold(bool holds);

/* A file begins, or begins again, at an offset. A size of -1 is not known. */
void progress_file(const char *name, int64_t size, int64_t offset);

/* Bytes of it were read, and need not be moved. */
void progress_skip(size_t bytes);

/* Bytes of it have moved. */
void progress_add(size_t bytes);

/* A file has ended. Its size counts, however little had to be moved; -1: not known. */
void progress_file_end(int64_t size);

/* A name was listed. */
void progress_listed(void);

#endif
