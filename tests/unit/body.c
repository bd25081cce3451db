#include "protocol/body.h"

#include "protocol/clock.h"
#include "tests/unit/pair.h"

#define EMPTY_DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct stream_limits no_limits = {.silence_ms = 0};

static int parse(const char *text, struct item *ret)
{
    return item_parse(text, strlen(text), false, ret);
}

static void check_parse(void)
{
    static const char *const wrong[] = {
        "",
        "0",
        "01",
        "-1",
        "1048577",
        "99999999999999999999",
        "6 ",
        " 6",
        "6 6",
        "0x6",
        "wait",
        "WAIT ",
        "WAIT 1",
        "WAITS",
        "ENDS",
        "END ",
        "END x",
        "END a=1",
        "END digest=",
        "END digest=x",
        "end",
        "ABORT",
        "ABORT ",
        "ABORTED",
        "ABORT  x",
        "ABORT Busy",
        "ABORT busy1",
        "LIST",
        "OK",
        "END  digest=" EMPTY_DIGEST,
        "END digest=" EMPTY_DIGEST " ",
        "END digest=" EMPTY_DIGEST "0",
        "ENDdigest=" EMPTY_DIGEST,
    };
    struct item item;

    CHECK(parse("1", &item) == 0 && item.kind == ITEM_DATA && item.length == 1);
    CHECK(parse("1048576", &item) == 0 && item.length == ITEM_LONGEST);
    CHECK(parse("WAIT", &item) == 0 && item.kind == ITEM_WAIT);
    CHECK(parse("END", &item) == 0 && item.kind == ITEM_END && item.digest[0] == '\0');
    CHECK(parse("END digest=" EMPTY_DIGEST, &item) == 0 && item.kind == ITEM_END);
    CHECK(strcmp(item.digest, EMPTY_DIGEST) == 0);
    CHECK(parse("END digest=md5:00", &item) == -REASON_UNSUPPORTED);
    CHECK(parse("ABORT mismatch it changed", &item) == 0 && item.kind == ITEM_ABORT);
    CHECK(item.reason == REASON_MISMATCH && strcmp(item.text, "it changed") == 0);
    CHECK(parse("ABORT aborted", &item) == 0 && item.text[0] == '\0');
    CHECK(parse("ABORT who-knows \x1B", &item) == 0);
    CHECK(item.reason == REASON_INTERNAL && strcmp(item.text, "?") == 0);
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(parse(wrong[i], &item) == -REASON_BAD_REQUEST);
    /* Long texts are cut. */
    char text[3000];
    memset(text, 'a', sizeof text);
    memcpy(text, "ABORT busy ", 11);
    CHECK(item_parse(text, sizeof text, false, &item) == 0);
    CHECK(strlen(item.text) == ITEM_TEXT_ROOM - 1);
}

static int parse_answer(const char *text, struct item *ret)
{
    return item_parse(text, strlen(text), true, ret);
}

static void check_end_of_answer(void)
{
    static const char *const wrong[] = {
        "END ",
        "END x",
        "END a= b=1",
        "END a=1 ",
        "END a=%2F",
        "END a=1  b=1",
        "END a=1 x",
        "END a=b=c",
        "ENDa=1",
        "END A=1",
        "END digest=",
        "END digest=x",
        "ABORT",
        "END a=1 digest=",
        "WAIT a=1",
        "END a=\x7F",
        "END digest=" EMPTY_DIGEST " digest=" EMPTY_DIGEST,
    };
    struct item item;

    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(parse_answer(wrong[i], &item) == -REASON_BAD_REQUEST);
    CHECK(parse_answer("END", &item) == 0 && item.digest[0] == '\0');
    CHECK(parse_answer("END later=thing", &item) == 0 && item.digest[0] == '\0');
    CHECK(parse_answer("END a=%20 digest=" EMPTY_DIGEST " b=1", &item) == 0);
    CHECK(item.kind == ITEM_END && strcmp(item.digest, EMPTY_DIGEST) == 0);
    CHECK(parse_answer("END digest=md5:00", &item) == 0 && item.digest[0] == '\0');
}

/* Reads a whole body into `ret`; returns the last item's kind, or the negative of a reason. */
static int read_all(struct pair *pair, char *ret)
{
    struct body body = {.left = 0};
    struct item item = {.kind = ITEM_DATA};
    const char *bytes = NULL;
    size_t length = 0;
    size_t total = 0;
    int code = 0;

    ret[0] = '\0';
    while ((code = body_next(&pair->stream, &body, &item, &bytes, &length)) == 0) {
        if (item.kind != ITEM_DATA)
            return (int)item.kind;
        memcpy(ret + total, bytes, length);
        total += length;
        ret[total] = '\0';
    }
    return code;
}

static void check_read(const char *sent, int expected, const char *expected_text)
{
    char text[100];
    struct pair pair;

    pair_open(&pair, no_limits);
    peer_send(&pair, sent);
    peer_finish(&pair);
    CHECK(read_all(&pair, text) == expected);
    CHECK(strcmp(text, expected_text) == 0);
    pair_close(&pair);
}

static void check_reads(void)
{
    check_read("END\n", ITEM_END, "");
    check_read("6\nhello\n\nEND\n", ITEM_END, "hello\n");
    check_read("1\na\nWAIT\n2\nbc\nWAIT\nEND\n", ITEM_END, "abc");
    check_read("3\r\nabc\nEND\r\n", ITEM_END, "abc");
    check_read("3\nabc\nABORT aborted\n", ITEM_ABORT, "abc");
    check_read("3\nEND\nEND\n", ITEM_END, "END");
    check_read("3\nabcd\nEND\n", -REASON_BAD_REQUEST, "abc");
    check_read("3\nabc\r\nEND\n", -REASON_BAD_REQUEST, "abc");
    check_read("3\nabc\nLIST\n", -REASON_BAD_REQUEST, "abc");
    check_read("3\nabc\nEND digest=md5:0\n", -REASON_UNSUPPORTED, "abc");
    check_read("", -REASON_LOST, "");
    check_read("3", -REASON_LOST, "");
    check_read("3\n", -REASON_LOST, "");
    check_read("3\nab", -REASON_LOST, "ab");
    check_read("3\nabc", -REASON_LOST, "abc");
    check_read("3\nabc\n", -REASON_LOST, "abc");
    check_read("3\nabc\nEN", -REASON_LOST, "abc");
    check_read("3\nabc\nABORT aborted", -REASON_LOST, "abc");
}

static void check_drop(void)
{
    struct pair pair;
    struct body body = {.left = 0};
    struct item item;
    const char *bytes = NULL;
    size_t length = 0;

    pair_open(&pair, no_limits);
    /* From the middle of an item to END, and no further. */
    peer_send(&pair, "10\nabc");
    CHECK(body_next(&pair.stream, &body, &item, &bytes, &length) == 0 && length == 3);
    peer_send(&pair, "\nEND\nxy\nWAIT\n2\nzz\nEND digest=md5:0\nLIST\n");
    CHECK(body_drop(&pair.stream, &body, clock_ms() + 30000) == 0);
    CHECK(stream_line(&pair.stream, &bytes, &length) == 0 && length == 4);
    CHECK(memcmp(bytes, "LIST", 4) == 0);
    /* ABORT ends it as well; what is no body ends the session. */
    body = (struct body){.left = 0};
    peer_send(&pair, "1\na\nABORT aborted\nquit\n");
    CHECK(body_drop(&pair.stream, &body, clock_ms() + 30000) == 0);
    CHECK(body_drop(&pair.stream, &body, clock_ms() + 30000) == -REASON_BAD_REQUEST);
    /* Nobody waits for ever. */
    body = (struct body){.left = 0};
    peer_send(&pair, "3\nab");
    CHECK(body_drop(&pair.stream, &body, clock_ms() + 30) == -REASON_TIMEOUT);
    peer_finish(&pair);
    CHECK(body_drop(&pair.stream, &body, clock_ms() + 30000) == -REASON_LOST);
    pair_close(&pair);
}

static void write_item(struct pair *pair, size_t wanted, const char *bytes)
{
    size_t room = 0;
    char *place = NULL;
    size_t length = strlen(bytes);

    CHECK(body_room(&pair->stream, wanted, &place, &room) == 0);
    CHECK(room == (wanted < ITEM_PREFERRED ? wanted : ITEM_PREFERRED));
    memcpy(place, bytes, length);
    body_added(&pair->stream, room, length);
}

static void check_write(void)
{
    struct pair pair;

    pair_open(&pair, no_limits);
    write_item(&pair, 6, "hello\n");
    /* Fewer bytes than there is room: the length in front becomes shorter. */
    write_item(&pair, 1000, "hi");
    write_item(&pair, ITEM_LONGEST, "a");
    write_item(&pair, 10, "");
    CHECK(stream_flush(&pair.stream) == 0);
    CHECK(peer_gets(&pair, "6\nhello\n\n2\nhi\n1\na\n"));
    /* Full items go out when the buffer cannot hold one more. */
    for (int i = 0; i < 2; i++) {
        size_t room = 0;
        char *place = NULL;
        CHECK(body_room(&pair.stream, ITEM_PREFERRED, &place, &room) == 0);
        memset(place, 'x', room);
        body_added(&pair.stream, room, room);
    }
    CHECK(peer_gets(&pair, "131072\nxxxx"));
    pair_close(&pair);
}

int main(void)
{
    check_parse();
    check_end_of_answer();
    check_reads();
    check_drop();
    check_write();
    return 0;
}
