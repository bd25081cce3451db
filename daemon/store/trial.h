/*
 * Trial: does the file system do all that OK promises? It is tried with a file of the daemon's own,
 * in the way of an upload.
 */
#ifndef STORE_TRIAL_H
#define STORE_TRIAL_H

#include "daemon/store/library.h"

enum {
    TRIAL_FAULT_ROOM = 256, /* bytes of a sentence that says what is missing */
};

/*
 * Makes a stage, seals it, links it, tries to link it again, makes its folder durable, and removes
 * all of that. Returns 0; -REASON_NO_SPACE when there is no room to try; or another reason, with
 * the end of the sentence "PATH: ..." in `fault`.
 */
int trial_run(const struct library *library, char fault[TRIAL_FAULT_ROOM]);

#endif
