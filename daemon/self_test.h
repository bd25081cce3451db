/*
 * The self-test: can sessions store files in this library?
 */
#ifndef DAEMON_SELF_TEST_H
#define DAEMON_SELF_TEST_H

#include "daemon/child.h"
#include "daemon/settings.h"
#include "daemon/store/library.h"

/*
 * Stores a file of its own the way an upload does, in a process that is set up like that of a
 * session, and removes it. Returns 0, also when the library is read-only, or -1 with the end of the
 * sentence "PATH: ..." in `fault`. A full disk is only logged: files can still be read.
 */
int self_test(const struct library *library, const struct settings *settings,
              char fault[CHILD_FAULT_ROOM]);

#endif
