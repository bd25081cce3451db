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
#include "daemon/store/lookup.h"
#include "protocol/name.h"

enum option {
    OPTION_MATCH,
    OPTION_DEEP,
    OPTION_DETAILS,
    OPTION_OFFSET,
    OPTION_LENGTH,
    OPTION_DIGEST,
    OPTION_SIZE,
    OPTION_EAGER,
    OPTION_UPLOAD,
    OPTION_REPLACE,
    OPTION_WAIT,
    OPTION_EXISTING,
    OPTION_COUNT
};

enum {
    REQUEST_WORD_LONGEST = 16, /* letters of a request's word */
};

struct option_value {
    const char *text; /* NULL: not given */
    size_t length;
    int64_t number; /* of those that are numbers */
};

/* A request, taken apart and judged by the grammar. Texts of options live in the session's line. */
struct arguments {
    char name[NAME_LONGEST + 1]; /* a valid name; empty when none was given */
    bool is_folder;              /* a '/' stood behind it */
    struct option_value options[OPTION_COUNT];
};

/* What a request may have behind its word. */
enum name_rule {
    NAME_NONE,
    NAME_NEEDED,
    NAME_OR_FOLDER, /* a name, with or without '/' behind it, or nothing */
};

struct request {
    const char *word;
    unsigned rights; /* what a client must be granted, whatever the options: request_rights() */
    unsigned sees;   /* any of these lets it see a name: session_may_see() */
    enum name_rule name;
    unsigned options; /* bits, 1 << OPTION_... */
    /*
     * Serves it. Returns 0 when it was answered, or the negative of a reason when the session has
     * to answer FAIL (session_refuse() may have given the text; for -REASON_INTERNAL and
     * -REASON_NO_SPACE errno tells the cause), or -REASON_LOST.
     */
    int (*serve)(struct session *session, const struct arguments *arguments);
};

/*
 * Takes the session's line apart: finds the request, and judges its grammar, options and name, in
 * this order. Returns 0 or what is to be answered. Also then `*ret_request` tells the request, if
 * there is one, and session->body_expected announces a body that was sent ahead.
 */
int request_parse(struct session *session, const struct request **ret_request,
                  struct arguments *ret);

/*
 * The requests by their places in the table, for the counters. request_place() tells that of a
 * request, or, for NULL, the one of all words that are no requests; request_at() returns NULL there
 * and behind it.
 */
size_t request_place(const struct request *request);
const struct request *request_at(size_t place);

/* The rights that a client needs for it, with these options. */
unsigned request_rights(const struct request *request, const struct arguments *arguments);

/* lookup_digest(), which may take long, with signs of life for the client. */
int request_digest(struct session *session, struct stored *stored);

/*
 * For GET with wait=: waits until a file that is not there has come, with signs of life for the
 * client, and opens it. Returns as lookup_open() after at most `seconds`, or as session_wait().
 */
int request_await_file(struct session *session, const char *name, int64_t seconds,
                       struct stored *ret);

int list_serve(struct session *session, const struct arguments *arguments);
int get_serve(struct session *session, const struct arguments *arguments);
int put_serve(struct session *session, const struct arguments *arguments);
int delete_serve(struct session *session, const struct arguments *arguments);
int watch_serve(struct session *session, const struct arguments *arguments);
int status_serve(struct session *session, const struct arguments *arguments);

#endif
