/*
 * Answers of a daemon to requests. fsd-protocol(7), "Answers", has the rules.
 */
#ifndef PROTOCOL_ANSWER_H
#define PROTOCOL_ANSWER_H

#include <stddef.h>

#include "protocol/line.h"
#include "protocol/reason.h"

/* The first field of an answer says which it is. */
enum answer_kind {
    ANSWER_OK,
    ANSWER_EMPTY,
    ANSWER_EXISTS,
    ANSWER_FAIL,
};

struct answer {
    enum answer_kind kind;
    enum reason reason;      /* FAIL only */
    struct line line;        /* the others only: their options */
    char text[LINE_LONGEST]; /* FAIL only: for people, cleaned by utf8_clean(); may be empty */
};

/*
 * Parses the line of an answer, without its end. Returns 0 or -REASON_BAD_REQUEST, also for "WAIT",
 * which is not an answer.
 */
int answer_parse(struct answer *answer, const char *bytes, size_t length);

#endif
