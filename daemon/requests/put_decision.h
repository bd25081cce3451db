/*
 * What to do about a PUT. It is decided twice: before the body is received, by what is known then;
 * and with the name locked, when all bytes are here.
 */
#ifndef REQUESTS_PUT_DECISION_H
#define REQUESTS_PUT_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/lookup.h"

enum put_name {
    PUT_NAME_FREE,
    PUT_NAME_TAKEN,       /* a file has it */
    PUT_NAME_QUARANTINED, /* no file has it; it is reserved for the bytes of one in quarantine */
};

enum put_body {
    PUT_BODY_AWAITED, /* the client sends it after the go-ahead */
    PUT_BODY_SENT,    /* sent ahead: it must be read before any answer but FAIL */
    PUT_BODY_WHOLE,   /* received, and as announced */
};

struct put_facts {
    /* Under the name. */
    enum put_name name;
    const struct stored *there; /* the file that has it, or is in quarantine; NULL: free */
    bool is_unreadable;         /* the digest of that file cannot be made */
    /* Who asks. */
    const char *client; /* as records name it */
    bool may_know;      /* it may list or get the name, so the answer may describe the file */
    /* For what. NULL: not given. */
    const char *upload; /* the id by which the upload can be resumed */
    const char *digest; /* of the bytes: as announced, then as received */
    int64_t size;       /* the same; -1: not known */
    bool replaces;      /* replace= was given */
    const char *guard;  /* the digest of the only content that it may replace; NULL: of any */
    enum put_body body;
};

enum put_decision {
    /* Nothing can be answered yet. */
    PUT_RECEIVE,     /* receive the bytes into a stage: they may get the name */
    PUT_COMPARE,     /* read the bytes that were sent ahead, only to compare them */
    PUT_MAKE_DIGEST, /* make the digest of the file under the name, then decide again */
    /* The bytes are here, and get the name. */
    PUT_LINK,    /* it is free */
    PUT_REPLACE, /* a file has it, which loses it */
    /* The answer. */
    PUT_DONE,               /* OK: this very upload was stored before */
    PUT_EXISTS,             /* EXISTS */
    PUT_NOTHING_TO_REPLACE, /* FAIL mismatch: the guard names a file, and there is none */
    PUT_OTHER_FILE,         /* FAIL mismatch: the guard names another file */
    PUT_UNREADABLE,         /* FAIL: the guard cannot be compared with the file */
};

/* Decides by the facts alone, and changes nothing. */
enum put_decision put_decide(const struct put_facts *facts);

#endif
