/*
 * The parent: accepts connections and gives them to the model that serves them, until it is to
 * stop. It never reads a byte that a client sent, and never waits for one.
 */
#ifndef DAEMON_PARENT_H
#define DAEMON_PARENT_H

#include "daemon/listener.h"
#include "daemon/process.h"

/*
 * From now on TERM, INT and CHLD come only while parent_serve() waits, and HUP and PIPE not at all.
 */
void parent_catch_signals(void);

/*
 * Accepts connections until TERM or INT comes. Then lets the sessions finish within `limits.drain`;
 * at its end, or at a second signal, they are ended. The listener is removed.
 */
void parent_serve(struct listener *listener, struct process_model *model);

#endif
