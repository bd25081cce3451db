/*
 * Digests: SHA-256 (FIPS 180-4) of a file's whole content, written "sha256:<64 hex digits>".
 */
#ifndef PROTOCOL_DIGEST_H
#define PROTOCOL_DIGEST_H

#include <nettle/sha2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum {
    DIGEST_LENGTH = 71,              /* bytes of a written digest */
    DIGEST_ROOM = DIGEST_LENGTH + 1, /* the same with its NUL */
    DIGEST_READINGS = 3,             /* of a file whose ctime changes each time */
};

/* The state of a digest that is being computed. */
struct digest {
    struct sha256_ctx sha256;
};

void digest_begin(struct digest *digest);
void digest_add(struct digest *digest, const void *bytes, size_t length);

/* Writes the digest of all bytes added. digest_begin() must come before the next use. */
void digest_finish(struct digest *digest, char ret_text[DIGEST_ROOM]);

/* Writes the digest of these bytes. Returns `text`. */
const char *digest_of_bytes(const void *bytes, size_t length, char text[DIGEST_ROOM]);

/* The hex digits of a written digest. */
const char *digest_hex(const char *text);

/*
 * Is this a written digest? Returns 0; -REASON_UNSUPPORTED for another kind of digest, "word:...";
 * -REASON_BAD_REQUEST for anything else.
 */
int digest_check(const char *bytes, size_t length);

/*
 * Writes the digest that has these 64 hex digits, in upper or lower case, as sha256sum(1) prints
 * them. Returns false, and writes nothing, for any other text.
 */
bool digest_of_hex(const char *hex, char ret_text[DIGEST_ROOM]);

/*
 * Adds the bytes of a regular file, from offset 0 to its end; the file offset stays. Returns how
 * many bytes there were, more than the size for a file that grows meanwhile; or -1 with errno set,
 * which is ECANCELED as soon as `*cancelled`, unless that is NULL, becomes true.
 */
int64_t digest_add_file(struct digest *digest, int fd, const atomic_bool *cancelled);

/*
 * Writes the digest of a regular file that is as fstat(2) described it in `then`. If only its ctime
 * changes while it is read, it is read again, DIGEST_READINGS times at most. `cancelled` is as in
 * digest_add_file(). Returns 0;
 * -REASON_MISMATCH when it is another file by now, or its bytes changed while they were read; or
 * -REASON_INTERNAL with errno set. `ret_text` is then undefined.
 */
int digest_of_file(int fd, const struct stat *then, const atomic_bool *cancelled,
                   char ret_text[DIGEST_ROOM]);

#endif
