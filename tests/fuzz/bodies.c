/*
 * Bodies: the first line of the input has two bytes, which say whose body the rest is, and in which
 * pieces it comes. What is read is what the grammar says, whatever these pieces are; and what is read,
 * sent and read again is the same.
 */
#include "protocol/body.h"

#include "protocol/line.h"
#include "tests/fuzz/fuzz.h"

enum {
    CONTENT_MOST = 1 << 20,
    WIRE_MOST = 2 * CONTENT_MOST,
};

/* What came of a body: its content, and how it ended. */
struct outcome {
    int code;
    struct item end;
    size_t length;
    char content[CONTENT_MOST];
};

static void read_body(const char *bytes, size_t length, size_t piece, bool is_answer,
                      struct outcome *ret)
{
    struct fuzz_wire wire = {.bytes = bytes, .left = length, .piece = piece};
    struct body body = {.is_answer = is_answer};
    struct stream stream;
    const char *part = NULL;
    size_t part_length = 0;

    fuzz_open(&stream, &wire);
    ret->length = 0;
    ret->end = (struct item){.kind = ITEM_WAIT};
    while ((ret->code = body_next(&stream, &body, &ret->end, &part, &part_length)) == 0 &&
           ret->end.kind == ITEM_DATA) {
        CHECK(part_length >= 1 && part_length <= CONTENT_MOST - ret->length);
        memcpy(ret->content + ret->length, part, part_length);
        ret->length += part_length;
    }
    stream_close(&stream);
}

/* By the grammar alone: is there a body up to its END? Reads its content. */
static bool has_body(const char *next, size_t length, bool is_answer, struct outcome *ret)
{
    ret->length = 0;
    ret->end = (struct item){.kind = ITEM_WAIT};
    while (ret->end.kind == ITEM_WAIT || ret->end.kind == ITEM_DATA) {
        const char *end = memchr(next, '\n', length < LINE_LONGEST ? length : LINE_LONGEST);
        size_t line = end != NULL ? (size_t)(end - next) : 0;
        bool has_cr = line > 0 && next[line - 1] == '\r';
        if (end == NULL || item_parse(next, line - has_cr, is_answer, &ret->end) < 0)
            return false;
        next = end + 1;
        length -= line + 1;
        if (ret->end.kind != ITEM_DATA)
            continue;
        if (ret->end.length >= length || next[ret->end.length] != '\n')
            return false;
        memcpy(ret->content + ret->length, next, ret->end.length);
        ret->length += ret->end.length;
        next += ret->end.length + 1;
        length -= ret->end.length + 1;
    }
    return ret->end.kind == ITEM_END;
}

/* Sends a content in items of at most `most` bytes. Returns how many bytes were sent. */
static size_t send_body(const struct outcome *from, size_t most, char *sent)
{
    struct fuzz_wire wire = {.piece = 1, .sent = sent, .room = WIRE_MOST};
    struct stream stream;
    size_t done = 0;

    fuzz_open(&stream, &wire);
    while (done < from->length) {
        char *bytes = NULL;
        size_t room = 0;
        CHECK(body_room(&stream, most, &bytes, &room) == 0 && room >= 1 && room <= most);
        size_t part = from->length - done < room ? from->length - done : room;
        memcpy(bytes, from->content + done, part);
        body_added(&stream, room, part);
        done += part;
    }
    CHECK(stream_print(&stream, "END\n") == 0 && stream_finish(&stream) == 0);
    stream_close(&stream);
    return wire.sent_length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, parts;
    static char sent[WIRE_MOST];

    if (size < 3 || size > CONTENT_MOST)
        return 0;
    char *text = fuzz_text(data + 3, size - 3);
    bool is_answer = data[0] % 2 == 1;
    read_body(text, size - 3, size, is_answer, &whole);
    read_body(text, size - 3, 1U + data[1], is_answer, &parts);
    CHECK(whole.code == parts.code && whole.end.kind == parts.end.kind);
    CHECK(whole.length == parts.length && memcmp(whole.content, parts.content, whole.length) == 0);
    CHECK(strcmp(whole.end.digest, parts.end.digest) == 0);
    bool is_whole = has_body(text, size - 3, is_answer, &parts);
    CHECK(is_whole == (whole.code == 0 && whole.end.kind == ITEM_END));
    CHECK(!is_whole || (whole.length == parts.length &&
                        memcmp(whole.content, parts.content, whole.length) == 0));
    free(text);

    size_t length = send_body(&whole, 1U + data[1] * (size_t)data[0], sent);
    read_body(sent, length, 1U + data[0], false, &parts);
    CHECK(parts.code == 0 && parts.end.kind == ITEM_END);
    CHECK(whole.length == parts.length && memcmp(whole.content, parts.content, whole.length) == 0);
    return 0;
}
