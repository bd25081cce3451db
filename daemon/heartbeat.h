/*
 * Heartbeats: signs of life for a client during slow work.
 */
#ifndef DAEMON_HEARTBEAT_H
#define DAEMON_HEARTBEAT_H

#include <stdatomic.h>
#include <stdint.h>

#include "protocol/stream.h"

/*
 * Runs job(argument) in a thread of its own, and sends WAIT every `interval_ms` until it is done. The
 * job must not touch the stream. When the client hangs up, `*cancelled` becomes true: nobody needs the
 * result any more, and a job that looks at it may give up. Returns what the job returns, with its
 * errno.
 */
int heartbeat_during(struct stream *stream, int64_t interval_ms, atomic_bool *cancelled,
                     int (*job)(void *argument), void *argument);

#endif
