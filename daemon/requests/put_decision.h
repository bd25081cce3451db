/*
 * What a PUT comes to: decided before its body is asked for, by what is known then, and once more
 * with the name locked, when all bytes are here.
 */
#ifndef REQUESTS_PUT_DECISION_H
#define REQUESTS_PUT_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/lookup.h"

enum put_name {
    PUT_NAME_FREE,
    PUT_NAME_TAKEN,       /* a file has it */
    PUT_NAME_QUARANTINED, /* free, and kept for the bytes of the file in quarantine */
};

enum put_body {
    PUT_BODY_AWAITED, /* the client sends it when it is told to */
    PUT_BODY_SENT,    /* sent ahead: it has to be read before anything but FAIL is answered */
    PUT_BODY_WHOLE,   /* here, sealed, and as announced */
};

struct put_facts {
    /* Under the name. */
    enum put_name name;
    const struct stored *there; /* the file that has it, or is in quarantine; NULL: free */
    bool is_unreadable;         /* the digest of that file cannot be made */
    /* Who asks. */
    const char *client; /* as records name it */
    bool may_know;      /* it may know what is stored: it may look at it anyhow */
    /* For what. A NULL was not given. */
    const char *upload; /* the id by which the upload can be resumed */
    const char *digest; /* of the bytes: as announced, then as received */
    int64_t size;       /* the same; -1: not known */
    bool replaces;      /* replace= was given */
    const char *guard;  /* the digest of the only content that it may replace; NULL: of any */
    enum put_body body;
};

enum put_decision {
    /* Nothing can be answered yet. */
    PUT_RECEIVE,     /* take the bytes in: they may get the name */
    PUT_COMPARE,     /* read the bytes that were sent ahead: they cannot get the name */
    PUT_MAKE_DIGEST, /* that of the file under the name decides */
    /* The bytes are here, and get the name. */
    PUT_LINK,    /* it is free */
    PUT_REPLACE, /* in the place of the file that has it */
    /* The answer. */
    PUT_DONE,               /* OK: this very upload was stored before */
    PUT_EXISTS,             /* EXISTS */
    PUT_NOTHING_TO_REPLACE, /* FAIL mismatch: the guard names a file, and there is none */
    PUT_OTHER_FILE,         /* FAIL mismatch: the guard names another file */
    PUT_UNREADABLE,         /* FAIL: the guard cannot be compared with the file */
};

/* Decides by the facts alone. */
enum put_decision put_decide(const struct put_facts *facts);

#endif
