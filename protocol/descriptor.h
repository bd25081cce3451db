/*
 * Descriptors: closing them, and the standard ones, which a program may find closed at its start.
 */
#ifndef PROTOCOL_DESCRIPTOR_H
#define PROTOCOL_DESCRIPTOR_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Takes the places of standard descriptors that are closed, so that no other file gets their
 * numbers: reading from them, or writing to them, goes on failing with EBADF. To be called first of
 * all.
 */
void descriptor_reserve_standard(void);

/*
 * Is a file another one, by size or mtime, than when fstat(2) told `then`? Also when it cannot
 * tell.
 */
bool descriptor_has_changed(int fd, const struct stat *then);

/* Does a name in a folder lead to this very file, and not to a link to it or to another one? */
bool descriptor_is_named(int fd, int folder, const char *name);

/* Can it be read from without waiting, or is it at its end? -1 never is. */
bool descriptor_is_readable(int fd);

/* close(2); -1 is let be, and errno stays as it is. */
void descriptor_close(int fd);

/* Closes all but two, which may be one, and the standard ones. */
void descriptor_close_all_but(int one, int other);

#endif
