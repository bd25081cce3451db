/*
 * The requests: one table of their words, the rights that they need, their options, and their
 * handlers.
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
    OPTION_MTIME,
    OPTION_COUNT
};

enum {
    REQUEST_WORD_LONGEST = 16, /* letters of a request's word */
};

struct option_value {
    const char *text; /* NULL: not given */
    size_t length;
    int64_t number;       /* of those that are numbers */
    struct timespec time; /* of those that are times */
};

/* A parsed request. Texts of options are in the line of the session. */
struct arguments {
    char name[NAME_LONGEST + 1]; /* a valid name; empty when none was given */
    bool is_folder;              /* it was written with a '/' at the end */
    struct option_value options[OPTION_COUNT];
};

/* What a request may have after its word. */
enum name_rule {
    NAME_NONE,
    NAME_NEEDED,
    NAME_OR_FOLDER, /* a name, with or without '/' at the end, or nothing */
};

struct request {
    const char *word;
    unsigned rights; /* what a client needs; replace= needs RIGHT_REPLACE, too */
    unsigned sees;   /* any of these rights lets it see a name: session_may_see() */
    enum name_rule name;
    unsigned options; /* bits, 1 << OPTION_... */
    /*
     * Serves it. Returns 0 when it was answered; the negative of a reason to answer FAIL, with the
     * text of session_refuse() if there is one, and with errno for -REASON_INTERNAL and
     * -REASON_NO_SPACE, which are logged; or -REASON_LOST.
     */
    int (*serve)(struct session *session, const struct arguments *arguments);
};

/*
 * Parses the line of the session: finds the request, then checks its grammar, options and name, in
 * this order. Returns 0, or a reason to answer. Also then `*ret_request` is the request, if there
 * is one, and session->body_expected is set when a body was sent ahead.
 */
int request_parse(struct session *session, const struct request **ret_request,
                  struct arguments *ret);

/*
 * The requests by their places in the table, for the counters. request_place(NULL) is the place of
 * all words that are not requests; request_at() returns NULL for it, and for those after it.
 */
size_t request_place(const struct request *request);
const struct request *request_at(size_t place);

/* lookup_digest(), which may take long, with signs of life for the client. */
int request_digest(struct session *session, struct stored *stored);

/*
 * For GET with wait=: waits for a file that does not exist yet, with signs of life for the client,
 * and opens it. Returns as lookup_open() after at most `seconds` or limits.wait, or as
 * session_wait(); -REASON_BUSY when the client waits too often already (limits.waits).
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
