/*
 * Heartbeats: signs of life for a client during slow work.
 */
#ifndef DAEMON_HEARTBEAT_H
#define DAEMON_HEARTBEAT_H

#include <stdint.h>

#include "protocol/stream.h"

/*
 * Runs job(argument) in a thread of its own, and sends WAIT every `interval_ms` until it is done.
 * The job must not touch the stream. Returns what the job returns, with its errno. The job always
 * runs to its end, also when the client is gone.
 */
int heartbeat_during(struct stream *stream, int64_t interval_ms, int (*job)(void *argument),
                     void *argument);

#endif
