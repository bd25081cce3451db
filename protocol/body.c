#include "protocol/body.h"

#include <stdio.h>
#include <string.h>

#include "protocol/clock.h"
#include "protocol/line.h"
#include "protocol/value.h"

enum {
    HEADER_ROOM = 8, /* the longest number of bytes, "1048576", and LF */
};

/* Parses what follows the word END: options, each after a space. */
static int parse_end(const char *bytes, size_t length, bool is_answer, struct item *ret)
{
    char text[LINE_LONGEST + 1];
    struct field field;
    bool has_digest = false;
    int code = 0;

    ret->kind = ITEM_END;
    while (length > 0) {
        const char *space = memchr(bytes + 1, ' ', length - 1);
        size_t piece = space != NULL ? (size_t)(space - bytes) : length;
        if (bytes[0] != ' ' || piece > LINE_LONGEST ||
            line_parse_field(bytes + 1, piece - 1, text, &field) < 0 || field.key == NULL)
            return -REASON_BAD_REQUEST;
        bool is_digest = strcmp(field.key, "digest") == 0;
        if (is_digest ? has_digest : !is_answer)
            return -REASON_BAD_REQUEST;
        if (is_digest) {
            has_digest = true;
            code = digest_check(field.bytes, field.length);
            if (code == -REASON_BAD_REQUEST)
                return code;
            if (code == 0)
                memcpy(ret->digest, field.bytes, DIGEST_LENGTH);
        }
        bytes += piece;
        length -= piece;
    }
    return is_answer ? 0 : code;
}

bool item_is_wait(const char *bytes, size_t length)
{
    return length == 4 && memcmp(bytes, "WAIT", 4) == 0;
}

int item_parse(const char *bytes, size_t length, bool is_answer, struct item *ret)
{
    int64_t number = 0;

    *ret = (struct item){.kind = ITEM_DATA};
    if (value_number(bytes, length, &number)) {
        ret->length = (size_t)number;
        return number >= 1 && number <= ITEM_LONGEST ? 0 : -REASON_BAD_REQUEST;
    }
    if (item_is_wait(bytes, length)) {
        ret->kind = ITEM_WAIT;
        return 0;
    }
    if (length >= 3 && memcmp(bytes, "END", 3) == 0)
        return parse_end(bytes + 3, length - 3, is_answer, ret);
    if (length >= 6 && memcmp(bytes, "ABORT ", 6) == 0) {
        ret->kind = ITEM_ABORT;
        return reason_parse(bytes + 6, length - 6, &ret->reason, ret->text, sizeof ret->text);
    }
    return -REASON_BAD_REQUEST;
}

/* Writes the line before an item of `length` bytes. Returns how long the line is. */
static size_t print_header(char header[HEADER_ROOM + 1], size_t length)
{
    /* The remainder only shows the compiler that the number fits. */
    return (size_t)snprintf(header, HEADER_ROOM + 1, "%zu\n", length % (ITEM_LONGEST + 1));
}

int body_next(struct stream *stream, struct body *body, struct item *ret, const char **ret_bytes,
              size_t *ret_length)
{
    const char *line = NULL;
    size_t length = 0;
    int code = 0;

    if (body->left == 0) {
        if (body->tail) {
            code = stream_bytes(stream, 1, ret_bytes, ret_length);
            if (code < 0)
                return code;
            if (**ret_bytes != '\n')
                return -REASON_BAD_REQUEST;
        }
        body->tail = false;
        do {
            code = stream_line(stream, &line, &length);
            if (code == 0)
                code = item_parse(line, length, body->is_answer, ret);
            if (code == 0 && ret->kind == ITEM_WAIT)
                code = stream_sign_of_life(stream);
        } while (code == 0 && ret->kind == ITEM_WAIT);
        if (code < 0 || ret->kind != ITEM_DATA)
            return code;
        body->left = ret->length;
        body->tail = true;
    }
    ret->kind = ITEM_DATA;
    code = stream_bytes(stream, body->left, ret_bytes, ret_length);
    if (code == 0)
        body->left -= *ret_length;
    return code;
}

int body_print_wait(struct stream *stream)
{
    return stream_print(stream, "WAIT\n");
}

int body_send_wait(struct stream *stream)
{
    int code = body_print_wait(stream);

    return code == 0 ? stream_flush(stream) : code;
}

int body_drop(struct stream *stream, struct body *body, int64_t until_ms)
{
    const char *bytes = NULL;
    size_t length = 0;
    struct item item = {.kind = ITEM_WAIT};
    int code = 0;

    stream->until_ms = until_ms;
    do
        code = clock_ms() < until_ms ? body_next(stream, body, &item, &bytes, &length)
                                     : -REASON_TIMEOUT;
    while (code == 0 && item.kind == ITEM_DATA);
    stream->until_ms = 0;
    return code == -REASON_UNSUPPORTED ? 0 : code;
}

int body_room(struct stream *stream, size_t most, char **ret_bytes, size_t *ret_room)
{
    char header[HEADER_ROOM + 1];
    char *start = NULL;
    size_t room = most < ITEM_PREFERRED ? most : ITEM_PREFERRED;
    int code = stream_room(stream, HEADER_ROOM + room + 1, &start);

    if (code < 0)
        return code;
    *ret_bytes = start + print_header(header, room);
    *ret_room = room;
    return 0;
}

void body_added(struct stream *stream, size_t room, size_t length)
{
    char header[HEADER_ROOM + 1];
    char *start = NULL;

    /* Cannot fail: body_room() made the room. */
    if (length == 0 || stream_room(stream, HEADER_ROOM + room + 1, &start) < 0)
        return;
    size_t left_free = print_header(header, room);
    size_t written = print_header(header, length);
    if (written != left_free)
        memmove(start + written, start + left_free, length);
    memcpy(start, header, written);
    start[written + length] = '\n';
    stream_added(stream, written + length + 1);
}
