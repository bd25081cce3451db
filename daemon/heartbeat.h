/*
 * Heartbeats: signs of life for a client while something slow goes on.
 */
#ifndef DAEMON_HEARTBEAT_H
#define DAEMON_HEARTBEAT_H

#include <stdint.h>

#include "protocol/stream.h"

/*
 * Runs job(argument) in a thread of its own, and sends WAIT every `interval_ms` until it is done.
 * The job must not touch the stream. Returns what the job returns, with the errno that it left. A
 * client that is gone meanwhile changes nothing: the job is always finished.
 */
int heartbeat_during(struct stream *stream, int64_t interval_ms, int (*job)(void *argument),
                     void *argument);

#endif
