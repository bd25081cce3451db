/*
 * Lower-case hex digits, of digests and random ids.
 */
#ifndef PROTOCOL_HEX_H
#define PROTOCOL_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    UPLOAD_ID_LENGTH = 32, /* digits of the id of an upload */
    UPLOAD_ID_ROOM,        /* the same with its NUL */
};

/* Writes bytes as two digits each, and a NUL. */
void hex_print(const uint8_t *bytes, size_t count, char *text);

/* Are these digits only? */
bool hex_is_valid(const char *text, size_t length);

/*
 * Writes `digits` random digits (getrandom(2)), an even number up to 64, and a NUL. Returns 0, or
 * -1 with errno set.
 */
int hex_random(size_t digits, char *ret_text);

#endif
