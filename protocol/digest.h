/*
 * Digests: SHA-256 (FIPS 180-4) of a file's whole content, written "sha256:<64 hex digits>".
 */
#ifndef PROTOCOL_DIGEST_H
#define PROTOCOL_DIGEST_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DIGEST_LENGTH = 71,              /* bytes of a written digest */
    DIGEST_ROOM = DIGEST_LENGTH + 1, /* the same with its NUL */
};

/* A digest in the making. */
struct digest {
    struct sha256_ctx sha256;
};

void digest_begin(struct digest *digest);
void digest_add(struct digest *digest, const void *bytes, size_t length);

/* Writes the digest of all that was added; `digest` must be begun again before its next use. */
void digest_finish(struct digest *digest, char ret_text[DIGEST_ROOM]);

/* The digest of some bytes in memory. Returns `text`. */
const char *digest_of_bytes(const void *bytes, size_t length, char text[DIGEST_ROOM]);

/* The hex digits of a written digest. */
const char *digest_hex(const char *text);

/*
 * Is this a written digest? Returns 0; -REASON_UNSUPPORTED for one of another kind, "word:...";
 * -REASON_BAD_REQUEST for anything else.
 */
int digest_check(const char *bytes, size_t length);

/*
 * Writes the digest whose 64 hex digits are given, in either case, as sha256sum(1) prints them.
 * Returns false, and writes nothing, for any other text.
 */
bool digest_of_hex(const char *hex, char ret_text[DIGEST_ROOM]);

/*
 * Reads a regular file from offset 0 to its end and adds its bytes; the file offset stays. Returns
 * how many bytes there were, more than its size for one that grows meanwhile; or -1 with errno set.
 */
int64_t digest_add_file(struct digest *digest, int fd);

/* The same, and writes the digest. */
int64_t digest_of_file(int fd, char ret_text[DIGEST_ROOM]);

#endif
