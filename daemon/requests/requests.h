/*
 * The requests: one table of their words, the rights that they need, their options, and what serves
 * them.
 */
#ifndef REQUESTS_REQUESTS_H
#define REQUESTS_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/session.h"
#include "protocol/line.h"

enum option {
    OPTION_MATCH,
    OPTION_DEEP,
    OPTION_DETAILS,
    OPTION_OFFSET,
    OPTION_LENGTH,
    OPTION_DIGEST,
    OPTION_SIZE,
    OPTION_EAGER,
    OPTION_COUNT
};

enum {
    EAGER_LARGEST = 65536, /* bytes of an upload that is sent ahead */
};

struct option_value {
    const char *text; /* NULL: not given */
    size_t length;
    int64_t number; /* of those that are numbers */
};

/* A request, taken apart and judged by the grammar. Its texts live in the session's line. */
struct arguments {
    const char *name; /* NULL when none was given */
    size_t name_length;
    bool is_folder; /* a '/' stood behind the name */
    struct option_value options[OPTION_COUNT];
};

struct request {
    const char *word;
    unsigned rights;    /* what a client must be granted */
    size_t least, most; /* positionals behind the word */
    unsigned options;   /* bits, 1 << OPTION_... */
    bool may_be_folder; /* one '/' may stand behind the name */
    /*
     * Serves it. Returns 0 when it was answered, or the negative of a reason when the session has
     * to answer FAIL (session_refuse() may have given the text; for -REASON_INTERNAL and
     * -REASON_NO_SPACE errno tells the cause), or -REASON_LOST.
     */
    int (*serve)(struct session *session, const struct arguments *arguments);
};

/* The row of a request's word; NULL for one that is not known. */
const struct request *request_find(const char *word);

/*
 * Takes the session's line apart as a request of that row. Returns 0 or what is to be answered;
 * a body that was sent ahead is announced in session->body_due also then.
 */
int request_parse(struct session *session, const struct request *request, struct arguments *ret);

int list_serve(struct session *session, const struct arguments *arguments);
int get_serve(struct session *session, const struct arguments *arguments);
int put_serve(struct session *session, const struct arguments *arguments);
int quit_serve(struct session *session, const struct arguments *arguments);

#endif
