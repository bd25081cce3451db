#include "protocol/fingerprint.h"

#include <string.h>

#include <nettle/base64.h>

static const char kind[] = "SHA256:";

enum {
    KIND_LENGTH = sizeof kind - 1,
};

const char *fingerprint_print(const struct fingerprint *fingerprint, char text[FINGERPRINT_ROOM])
{
    char encoded[BASE64_ENCODE_RAW_LENGTH(FINGERPRINT_LENGTH)];

    base64_encode_raw(encoded, FINGERPRINT_LENGTH, fingerprint->bytes);
    memcpy(text, kind, KIND_LENGTH);
    /* Less the "=" at its end. */
    memcpy(text + KIND_LENGTH, encoded, sizeof encoded - 1);
    text[FINGERPRINT_ROOM - 1] = '\0';
    return text;
}

bool fingerprint_parse(const char *text, struct fingerprint *ret)
{
    struct base64_decode_ctx context;
    struct fingerprint read;
    uint8_t bytes[BASE64_DECODE_LENGTH(FINGERPRINT_ROOM - 1 - KIND_LENGTH)];
    char again[FINGERPRINT_ROOM];
    size_t length = 0;

    if (strncmp(text, kind, KIND_LENGTH) != 0 || strlen(text) != FINGERPRINT_ROOM - 1)
        return false;
    base64_decode_init(&context);
    if (base64_decode_update(&context, &length, bytes, FINGERPRINT_ROOM - 1 - KIND_LENGTH,
                             text + KIND_LENGTH) == 0 ||
        length != sizeof read.bytes)
        return false;
    /* The last digit has bits that do not count, so other texts could mean the same bytes. */
    memcpy(read.bytes, bytes, sizeof read.bytes);
    if (strcmp(fingerprint_print(&read, again), text) != 0)
        return false;
    *ret = read;
    return true;
}

bool fingerprint_is_equal(const struct fingerprint *one, const struct fingerprint *other)
{
    return memcmp(one->bytes, other->bytes, sizeof one->bytes) == 0;
}
