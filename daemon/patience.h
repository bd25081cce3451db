/*
 * Patience: signs of life for a client while something slow goes on.
 */
#ifndef DAEMON_PATIENCE_H
#define DAEMON_PATIENCE_H

#include <stdint.h>

#include "protocol/stream.h"

/*
 * Runs job(argument) in a thread of its own, and sends WAIT every `heartbeat_ms` until it is done.
 * The job must not touch the stream. Returns what the job returns, with the errno that it left. A
 * client that is gone meanwhile changes nothing: the job is always finished.
 */
int patience_run(struct stream *stream, int64_t heartbeat_ms, int (*job)(void *argument),
                 void *argument);

#endif
