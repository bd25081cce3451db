#include "protocol/digest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/descriptor.h"
#include "protocol/hex.h"
#include "protocol/reason.h"

static const char kind[] = "sha256:";
static const size_t kind_length = sizeof kind - 1;

enum {
    CHUNK = 256 * 1024, /* bytes read at a time */
};

void digest_begin(struct digest *digest)
{
    sha256_init(&digest->sha256);
}

void digest_add(struct digest *digest, const void *bytes, size_t length)
{
    sha256_update(&digest->sha256, length, bytes);
}

void digest_finish(struct digest *digest, char ret_text[DIGEST_ROOM])
{
    uint8_t sum[SHA256_DIGEST_SIZE];

    sha256_digest(&digest->sha256, sizeof sum, sum);
    memcpy(ret_text, kind, kind_length);
    hex_print(sum, sizeof sum, ret_text + kind_length);
}

const char *digest_of_bytes(const void *bytes, size_t length, char text[DIGEST_ROOM])
{
    struct digest digest;

    digest_begin(&digest);
    digest_add(&digest, bytes, length);
    digest_finish(&digest, text);
    return text;
}

const char *digest_hex(const char *text)
{
    return text + kind_length;
}

int digest_check(const char *bytes, size_t length)
{
    size_t word = 0;

    if (length < kind_length || memcmp(bytes, kind, kind_length) != 0) {
        while (word < length && ((bytes[word] >= 'a' && bytes[word] <= 'z') ||
                                 (bytes[word] >= '0' && bytes[word] <= '9')))
            word++;
        return word > 0 && word < length && bytes[word] == ':' ? -REASON_UNSUPPORTED
                                                               : -REASON_BAD_REQUEST;
    }
    if (length != DIGEST_LENGTH || !hex_is_valid(bytes + kind_length, length - kind_length))
        return -REASON_BAD_REQUEST;
    return 0;
}

bool digest_of_hex(const char *hex, char ret_text[DIGEST_ROOM])
{
    char text[DIGEST_ROOM];
    size_t length = strlen(hex);

    if (length != DIGEST_LENGTH - kind_length)
        return false;
    memcpy(text, kind, kind_length);
    for (size_t i = 0; i <= length; i++)
        text[kind_length + i] =
            (char)(hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] - 'A' + 'a' : hex[i]);
    if (digest_check(text, DIGEST_LENGTH) < 0)
        return false;
    memcpy(ret_text, text, sizeof text);
    return true;
}

int64_t digest_add_file(struct digest *digest, int fd, const atomic_bool *cancelled)
{
    int64_t offset = 0;
    ssize_t got = 0;
    struct stat status;
    char *chunk = fstat(fd, &status) == 0 ? malloc(CHUNK) : NULL;

    if (chunk == NULL)
        return -1;
    /* Stops after the size, for a file that grows as fast as it is read. */
    while (offset <= status.st_size && (got = pread(fd, chunk, CHUNK, offset)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got > 0 && cancelled != NULL && atomic_load(cancelled)) {
            errno = ECANCELED;
            got = -1;
        }
        if (got < 0)
            break;
        digest_add(digest, chunk, (size_t)got);
        offset += got;
    }
    free(chunk);
    return got < 0 ? -1 : offset;
}

int digest_of_file(int fd, const struct stat *then, const atomic_bool *cancelled,
                   char ret_text[DIGEST_ROOM])
{
    struct stat before;
    bool is_touched = true;

    for (int reading = 0; is_touched && reading < DIGEST_READINGS; reading++) {
        struct digest digest;
        char made[DIGEST_ROOM];
        digest_begin(&digest);
        int64_t length = fstat(fd, &before) == 0 ? digest_add_file(&digest, fd, cancelled) : -1;
        if (length < 0)
            return -REASON_INTERNAL;
        digest_finish(&digest, made);
        if (length != then->st_size || descriptor_has_changed(fd, then) ||
            (reading > 0 && strcmp(made, ret_text) != 0))
            return -REASON_MISMATCH;
        memcpy(ret_text, made, DIGEST_ROOM);
        is_touched = descriptor_is_touched(fd, &before);
    }
    return 0;
}
