/*
 * The parent: accepts connections and gives them to the pool, until it is to stop. It never reads a
 * byte that a client sent, and never waits for one.
 */
#ifndef DAEMON_PARENT_H
#define DAEMON_PARENT_H

#include "daemon/command_line.h"
#include "daemon/listener.h"
#include "daemon/pool.h"
#include "daemon/systemd.h"

/* From now on TERM, INT, HUP, ALRM and CHLD come only while parent_serve() waits. */
void parent_catch_signals(void);

/*
 * Accepts connections until TERM or INT comes. HUP reads `settings`, those of the pool, again as
 * the command line tells, and lets systemd know when that begins and ends. Every hour, and at
 * ALRM, the library is swept.
 */
void parent_serve(const struct listener *listener, struct pool *pool, const struct systemd *systemd,
                  const struct command_line *line, struct settings *settings);

/* Lets the sessions finish within `limits.drain`; then, or at a second signal, ends them. */
void parent_drain(struct pool *pool);

#endif
