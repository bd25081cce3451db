/*
 * Answers: what a daemon says to a request. fsd-protocol(7), "Answers", has the rules.
 */
#ifndef PROTOCOL_ANSWER_H
#define PROTOCOL_ANSWER_H

#include <stddef.h>

#include "protocol/line.h"
#include "protocol/reason.h"

/* By their first field. */
enum answer_kind {
    ANSWER_OK,
    ANSWER_EMPTY,
    ANSWER_EXISTS,
    ANSWER_FAIL,
};

struct answer {
    enum answer_kind kind;
    enum reason reason;      /* of FAIL */
    struct line line;        /* of the others: their options */
    char text[LINE_LONGEST]; /* of FAIL: for people, cleaned by utf8_clean(); may be empty */
};

/*
 * Takes an answer apart, as line_parse() a line. Returns 0 or -REASON_BAD_REQUEST; "WAIT" is no
 * answer, and refused.
 */
int answer_parse(struct answer *answer, const char *bytes, size_t length);

#endif
