/*
 * Records: what the library remembers of a stored file, in its xattr user.fsd. A record is written
 * as options of a line of the protocol, so that people can read it with getfattr(1). It is valid
 * only while the file has the recorded size and mtime.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "protocol/digest.h"
#include "protocol/hex.h"

#define RECORD_XATTR "user.fsd"

enum {
    RECORD_CLIENT_ROOM = 128, /* bytes of a client's name, with its NUL */
};

/* Is this the name of a client: letters, digits and "_.-:"? */
bool record_is_client(const char *name, size_t length);

/* Is this the id of an upload, as its client chose it? */
bool record_is_upload(const char *id, size_t length);

struct record {
    char digest[DIGEST_ROOM];
    int64_t size;
    struct timespec mtime;
    char by[RECORD_CLIENT_ROOM]; /* the client that put the file */
    char upload[UPLOAD_ID_ROOM]; /* the id of its upload; empty: it had none */
};

/*
 * Does the file system of this file or folder have the xattrs that records need? Writes nothing.
 * Leaves errno when not.
 */
bool record_is_possible(int fd);

/* Sets a file's record. Returns 0 or a reason. */
int record_write(int fd, const struct record *record);

/*
 * Reads the record of a file whose status is `status`. Returns 0; -REASON_MISMATCH when its size or
 * mtime differ from the recorded ones; -REASON_NOT_FOUND when there is no record; or
 * -REASON_INTERNAL, with errno, when it cannot be read or parsed.
 */
int record_read(int fd, const struct stat *status, struct record *ret);

#endif
