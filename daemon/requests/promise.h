/*
 * Promises: OK means durable. Whether that can be promised, and what is answered when it turns out
 * that it could not.
 */
#ifndef REQUESTS_PROMISE_H
#define REQUESTS_PROMISE_H

#include "daemon/session.h"

/*
 * Can anything be promised: has the disk not failed since the daemon was started, and is the
 * library still in its place? Returns 0, or the negative of a reason for the session to answer.
 */
int promise_judge(struct session *session);

/* The same of the disk alone, at the begin of a request: the gate has just looked at the place. */
int promise_judge_disk(struct session *session);

/* Has the disk failed to make something durable since the daemon was started? */
bool promise_has_failed(const struct session *session);

/*
 * Answers that a change is made, and that errno tells why it may not be durable: `what` is the end
 * of "outcome unknown: ". After an error of the disk itself no further promise is made: what a
 * first fsync(2) has failed to write, a second one would not. Returns as `serve` of struct request.
 */
int promise_break(struct session *session, const char *name, const char *what);

#endif
