/*
 * Bodies: the first line of the input has two bytes, which say whose body the rest is, and in which
 * pieces it comes. What is read does not depend on these pieces, and what is read, sent and read again
 * is the same.
 */
#include "protocol/body.h"

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

/* By the grammar alone: is there a body, up to its end, that has this content? */
static bool has_body(const char *next, size_t length, bool is_answer, const char *content,
                     size_t content_length)
{
    struct item item = {.kind = ITEM_WAIT};

    while (item.kind != ITEM_END) {
        const char *end = memchr(next, '\n', length);
        size_t line = end != NULL ? (size_t)(end - next) : 0;
        bool has_cr = line > 0 && next[line - 1] == '\r';
        if (end == NULL || item_parse(next, line - has_cr, is_answer, &item) < 0)
            return false;
        next = end + 1;
        length -= line + 1;
        if (item.kind != ITEM_DATA)
            continue;
        if (item.length >= length || item.length > content_length || next[item.length] != '\n' ||
            memcmp(next, content, item.length) != 0)
            return false;
        content += item.length;
        content_length -= item.length;
        next += item.length + 1;
        length -= item.length + 1;
    }
    return content_length == 0;
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
    if (whole.code == 0 && whole.end.kind == ITEM_END)
        CHECK(has_body(text, size - 3, is_answer, whole.content, whole.length));
    free(text);

    size_t length = send_body(&whole, 1U + data[1] * (size_t)data[0], sent);
    read_body(sent, length, 1U + data[0], false, &parts);
    CHECK(parts.code == 0 && parts.end.kind == ITEM_END);
    CHECK(whole.length == parts.length && memcmp(whole.content, parts.content, whole.length) == 0);
    return 0;
}
