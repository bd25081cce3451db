/*
 * Messages between processes of the daemon that may carry a descriptor.
 */
#ifndef PROTOCOL_PASSING_H
#define PROTOCOL_PASSING_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Sends a message over a Unix socket, with the descriptor `fd` unless that is -1 (unix(7),
 * SCM_RIGHTS), which the caller still owns. The bytes are only read. Returns 0, or -1 with errno set.
 */
int passing_send(int socket, void *bytes, size_t length, int fd, int flags);

/*
 * Receives one. `*ret_fd` is the receiver's own descriptor, or -1 when none came or none was free.
 * Returns the length; 0 at the end; or -1 with errno set, which is never EINTR.
 */
ssize_t passing_receive(int socket, void *bytes, size_t length, int *ret_fd, int flags);

#endif
