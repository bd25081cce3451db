/*
 * The self-test: can sessions store files in this library?
 */
#ifndef DAEMON_SELF_TEST_H
#define DAEMON_SELF_TEST_H

#include "daemon/settings.h"
#include "daemon/store/library.h"
#include "daemon/store/trial.h"

/*
 * Tries it in a process that is set up like that of a session. Returns 0, also when the library is
 * read-only, or -1 with the end of the sentence "PATH: ..." in `fault`. That there is no room to
 * try is logged, and no failure: files can still be read.
 */
int self_test(const struct library *library, const struct settings *settings,
              char fault[TRIAL_FAULT_ROOM]);

#endif
