/*
 * Fingerprints: the name of a key. It is the SHA-256 of the public key in the form in which a
 * certificate has it (SubjectPublicKeyInfo, RFC 5280, 4.1.2.7), written as ssh(1) does: "SHA256:" and
 * base64 without padding.
 */
#ifndef PROTOCOL_FINGERPRINT_H
#define PROTOCOL_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    FINGERPRINT_LENGTH = 32,                      /* bytes of a SHA-256 */
    FINGERPRINT_ROOM = sizeof "SHA256:" - 1 + 44, /* bytes of its text, with the NUL */
};

struct fingerprint {
    uint8_t bytes[FINGERPRINT_LENGTH];
};

/* Writes a fingerprint. Returns `text`. */
const char *fingerprint_print(const struct fingerprint *fingerprint, char text[FINGERPRINT_ROOM]);

/* Reads a fingerprint. Only the spelling of fingerprint_print() is accepted. */
bool fingerprint_parse(const char *text, struct fingerprint *ret);

bool fingerprint_is_equal(const struct fingerprint *one, const struct fingerprint *other);

#endif
