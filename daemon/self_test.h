/*
 * The self-test: can sessions store files in this library?
 *
 * All return 0; -REASON_DENIED or -REASON_NO_SPACE when files can only be read for now; or another
 * reason when the library cannot be served. `fault` is the end of the sentence "PATH: ...".
 */
#ifndef DAEMON_SELF_TEST_H
#define DAEMON_SELF_TEST_H

#include "daemon/child.h"
#include "daemon/settings.h"
#include "daemon/store/library.h"

/* Prepares the library, or only checks whether it can be prepared: see library_prepare(). */
int self_test_prepare(const struct library *library, bool make, char fault[FAULT_LINE_ROOM]);

/* Prepares it, stores a file of its own the way an upload does, and removes that. */
int self_test_store(const struct library *library, char fault[FAULT_LINE_ROOM]);

/* The same in a process that is set up like that of a session. */
int self_test(const struct library *library, const struct settings *settings,
              char fault[FAULT_LINE_ROOM]);

#endif
