/*
 * Bodies: a row of items, each with its length in front, closed by END or ABORT.
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
    ITEM_TEXT_ROOM = 512,        /* bytes kept of the text of ABORT, with its NUL */
};

enum item_kind {
    ITEM_DATA,
    ITEM_WAIT,
    ITEM_END,
    ITEM_ABORT,
};

struct item {
    enum item_kind kind;
    size_t length;             /* of ITEM_DATA: 1 to ITEM_LONGEST */
    char digest[DIGEST_ROOM];  /* of ITEM_END; empty when none was sent */
    enum reason reason;        /* of ITEM_ABORT */
    char text[ITEM_TEXT_ROOM]; /* of ITEM_ABORT: for people, cleaned; may be empty */
};

/*
 * Takes the line that begins an item apart. Returns 0; -REASON_UNSUPPORTED for an END with a digest
 * of a kind that is not known; -REASON_BAD_REQUEST for all that is no item.
 */
int item_parse(const char *bytes, size_t length, struct item *ret);

/* Is this line, without its end, a WAIT? It may also stand before an answer. */
bool item_is_wait(const char *bytes, size_t length);

/* Adds a WAIT to what is pending; body_send_wait() sends it at once. As stream_print(). */
int body_print_wait(struct stream *stream);
int body_send_wait(struct stream *stream);

/* How far a body has been read; begins as {0}. */
struct body {
    size_t left; /* bytes of the current item that are still to come */
    bool tail;   /* the LF behind them is still to come */
};

/*
 * Reads on: a piece of an item's bytes (ITEM_DATA, in `ret_bytes` and `ret_length`, which stay
 * until the next read), or the end (ITEM_END, ITEM_ABORT). WAIT is heeded and passed over. Returns
 * 0, or what item_parse() and stream_line() return.
 */
int body_next(struct stream *stream, struct body *body, struct item *ret, const char **ret_bytes,
              size_t *ret_length);

/*
 * Drops what is left of a body, END or ABORT included, until `until_ms` of clock_ms() at most.
 * Returns 0, or a reason for which the session must end.
 */
int body_drop(struct stream *stream, struct body *body, int64_t until_ms);

/*
 * Room for an item of at most `most` bytes straight in the stream: `*ret_room` bytes, which may be
 * fewer. body_added() tells with the same room how many of them there are, 0 for no item. Returns
 * 0, or what stream_flush() returns.
 */
int body_room(struct stream *stream, size_t most, char **ret_bytes, size_t *ret_room);
void body_added(struct stream *stream, size_t room, size_t length);

#endif
