/*
 * Bodies: items, each preceded by its length, until END or ABORT.
 * fsd-protocol(7), "Bodies", has the rules.
 */
#ifndef PROTOCOL_BODY_H
#define PROTOCOL_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/digest.h"
#include "protocol/reason.h"
#include "protocol/stream.h"

enum {
    ITEM_LONGEST = 1048576,      /* bytes that one item may hold */
    ITEM_PREFERRED = 128 * 1024, /* bytes of the items that we send */
    EAGER_LARGEST = 65536,       /* bytes of an upload that may be sent ahead, with eager=1 */
    ITEM_TEXT_ROOM = 2048,       /* bytes of the text of ABORT that are kept, with the NUL */
};

enum item_kind {
    ITEM_DATA,
    ITEM_WAIT,
    ITEM_END,
    ITEM_ABORT,
};

struct item {
    enum item_kind kind;
    size_t length;             /* ITEM_DATA: 1 to ITEM_LONGEST */
    char digest[DIGEST_ROOM];  /* ITEM_END; empty when none was sent */
    enum reason reason;        /* ITEM_ABORT */
    char text[ITEM_TEXT_ROOM]; /* ITEM_ABORT: for people, cleaned; may be empty */
};

/*
 * Parses the line that begins an item. Returns 0; -REASON_UNSUPPORTED for an END with a digest of
 * an unknown kind; -REASON_BAD_REQUEST for anything else. In a body that `is_answer`, which a later
 * daemon may have sent, what is not known among the options of END is ignored, such a digest too.
 */
int item_parse(const char *bytes, size_t length, bool is_answer, struct item *ret);

/* Is this line, without its end, a WAIT? One may also come before an answer. */
bool item_is_wait(const char *bytes, size_t length);

/* Adds a WAIT to what is pending; body_send_wait() also sends it. Both return as stream_print(). */
int body_print_wait(struct stream *stream);
int body_send_wait(struct stream *stream);

/* How far a body has been read; begins as {0}. */
struct body {
    size_t left;    /* bytes of the current item that are still to come */
    bool tail;      /* the LF after them is still to come */
    bool is_answer; /* it comes from a daemon */
};

/*
 * Reads the next piece of a body: some bytes of an item (ITEM_DATA, in `ret_bytes` and
 * `ret_length`, valid until the next read), or its end (ITEM_END, ITEM_ABORT). A WAIT counts as a
 * sign of life and is skipped. Returns 0, or what item_parse() and stream_line() return.
 */
int body_next(struct stream *stream, struct body *body, struct item *ret, const char **ret_bytes,
              size_t *ret_length);

/*
 * Drops the rest of a body, with its END or ABORT, until clock_ms() reaches `until_ms`. Returns 0,
 * or a reason, with which the session must end.
 */
int body_drop(struct stream *stream, struct body *body, int64_t until_ms);

/*
 * Makes room in the stream's buffer for an item, so that its bytes need not be copied: `*ret_room`
 * bytes, at most `most`. Write up to that many there, then call body_added() with the same room and
 * the number written; 0 adds no item. Returns 0, or what stream_flush() returns.
 */
int body_room(struct stream *stream, size_t most, char **ret_bytes, size_t *ret_room);
void body_added(struct stream *stream, size_t room, size_t length);

#endif
