/*
 * Messages between processes of the daemon that may carry descriptors.
 */
#ifndef PROTOCOL_PASSING_H
#define PROTOCOL_PASSING_H

#include <stddef.h>
#include <sys/types.h>

enum {
    PASSING_MOST = 2, /* descriptors in one message */
};

/*
 * Sends a message over a Unix socket, with `count` descriptors, or those before the first that is -1
 * (unix(7), SCM_RIGHTS), which the caller still owns. The bytes are only read. Returns 0, or -1 with
 * errno set.
 */
int passing_send(int socket, void *bytes, size_t length, const int *fds, size_t count, int flags);

/*
 * Receives one. `ret_fds` are the receiver's own descriptors, at most `room`, and then -1 for each
 * that did not come or for which none was free. Returns the length; 0 at the end; or -1 with errno
 * set, which is never EINTR.
 */
ssize_t passing_receive(int socket, void *bytes, size_t length, int *ret_fds, size_t room,
                        int flags);

#endif
