/*
 * The way to the background: the caller waits until the daemon listens, or has said why not.
 */
#ifndef DAEMON_BACKGROUND_H
#define DAEMON_BACKGROUND_H

#include <stdbool.h>

/*
 * Forks. The caller's process waits there and exits with the daemon's start-up code; the daemon
 * returns from here, in a session of its own (setsid(2)), with a descriptor for
 * background_ready(), or -1 with errno set.
 */
int background_begin(void);

/*
 * The daemon serves: the caller may go on. Standard input, output and error become /dev/null, but
 * for the error when it is to be kept for the log.
 */
void background_ready(int descriptor, bool keep_error);

#endif
