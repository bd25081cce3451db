/*
 * Reasons: why a request failed, and the exit codes of fsc for them.
 *
 * Functions in protocol/, daemon/store/ and cli/ return 0 or the negative of a reason. When a
 * system call failed, errno is still set.
 */
#ifndef PROTOCOL_REASON_H
#define PROTOCOL_REASON_H

#include <stddef.h>

enum reason {
    REASON_NONE = 0,
    /* A daemon sends these in FAIL and ABORT. */
    REASON_NOT_FOUND,
    REASON_NOT_A_FILE,
    REASON_DENIED,
    REASON_BAD_REQUEST,
    REASON_ABORTED,
    REASON_BAD_NAME,
    REASON_TOO_LARGE,
    REASON_NO_SPACE,
    REASON_MISMATCH,
    REASON_INTERNAL,
    REASON_BUSY,
    REASON_TIMEOUT,
    REASON_UNAVAILABLE,
    REASON_UNSUPPORTED,
    REASON_INCOMPLETE,
    /* These are never sent: they have answers of their own, or only one side can know them. */
    REASON_EXISTS,   /* the name has different content */
    REASON_EMPTY,    /* there is nothing to list */
    REASON_USAGE,    /* wrong usage or configuration */
    REASON_LOCAL,    /* a local file or stream failed */
    REASON_LOST,     /* no connection, or it was lost */
    REASON_IDENTITY, /* the server may be another one than it should be */
    REASON_COMMAND,  /* the command of --from-command or --to-command failed */
    REASON_BREACH,   /* the other side broke the rules of the protocol */
    REASON_COUNT
};

/* The reason in a function's result, which is its negative. */
static inline enum reason reason_of(int code)
{
    return (enum reason)(-code);
}

/* The word that is sent for a reason, e.g. "not-found"; never NULL. */
const char *reason_word(enum reason reason);

/* What a reason means, for people, when the sender gave no text; never NULL. */
const char *reason_text(enum reason reason);

/*
 * Parses what FAIL and ABORT carry: a reason's word, then maybe a space and a text for people.
 * An unknown word is REASON_INTERNAL. `text` gets that text with its NUL, cleaned by utf8_clean()
 * and cut to `room` bytes. Returns 0, or -REASON_BAD_REQUEST when the word has bytes other than a-z
 * and '-'.
 */
int reason_parse(const char *bytes, size_t length, enum reason *ret_reason, char *text,
                 size_t room);

/* The exit code of fsc for a reason; 0 for REASON_NONE. */
int reason_exit_code(enum reason reason);

/* What an exit code means, e.g. "not found"; NULL after the last one. */
const char *reason_exit_meaning(int code);

#endif
