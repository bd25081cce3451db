#include "protocol/answer.h"

#include <string.h>

#include "tests/unit/check.h"

static struct line line;
static struct answer answer;

static int parse(const char *text)
{
    return line_parse(&line, text, strlen(text));
}

static bool is_field(size_t i, const char *key, const char *text)
{
    const struct field *field = &line.fields[i];
    bool same_key =
        key == NULL ? field->key == NULL : field->key != NULL && strcmp(field->key, key) == 0;
    return same_key && field->length == strlen(text) && strcmp(field->bytes, text) == 0;
}

static void check_fields(void)
{
    CHECK(parse("PUT notes.txt size=6 eager=1") == 0);
    CHECK(line.count == 4);
    CHECK(is_field(0, NULL, "PUT") && is_field(1, NULL, "notes.txt"));
    CHECK(is_field(2, "size", "6") && is_field(3, "eager", "1"));
    CHECK(line_option(&line, "size") == &line.fields[2]);
    CHECK(line_option(&line, "siz") == NULL && line_option(&line, "notes.txt") == NULL);

    CHECK(parse("x=1 LIST a") == 0);
    CHECK(is_field(0, "x", "1") && is_field(2, NULL, "a"));
    CHECK(parse("abcdefghijklmnop=1") == 0);
    CHECK(parse("GET %20%25%3D%7F%0A") == 0);
    CHECK(is_field(1, NULL, " %=\x7F\n"));
    CHECK(parse("GET a match=%3D") == 0);
    CHECK(is_field(2, "match", "="));
    CHECK(parse("GET a%00b") == 0);
    CHECK(line.fields[1].length == 3 && memcmp(line.fields[1].bytes, "a\0b", 4) == 0);
    CHECK(parse("GET \xC3\xA4\xFF") == 0);
    CHECK(is_field(1, NULL, "\xC3\xA4\xFF"));
}

static void check_faults(void)
{
    static const char *const wrong[] = {
        "",         " ",         " LIST",    "LIST ",      "LIST  a",
        "LIST a ",  "GET =",     "GET =x",   "GET x=",     "GET X=1",
        "GET x1=1", "GET x-=1",  "a=1 a=2",  "GET a=b=",   "GET a=b=c",
        "GET a==b", "GET %",     "GET %2",   "GET a%4",    "GET %2F",
        "GET %2f",  "GET %41",   "GET %0a",  "GET %C3%A4", "GET %3d",
        "GET %GG",  "GET %%",    "GET a\tb", "GET a\rb",   "GET a\nb",
        "GET \x7F", "GET \x1B",  "GET % 2",  "GET a=%2",   "GET a=%",
        "%=1",      "GET %20=1", "\r",       "LIST\r",     "abcdefghijklmnopq=1",
    };

    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(parse(wrong[i]) == -REASON_BAD_REQUEST);
    CHECK(line_parse(&line, "GET a\0b", 7) == -REASON_BAD_REQUEST);
    CHECK(line_parse(&line, "\0", 1) == -REASON_BAD_REQUEST);
    /* What lies behind the end does not count. */
    CHECK(line_parse(&line, "GET a%20", 7) == -REASON_BAD_REQUEST);
    CHECK(line_parse(&line, "GET a  ", 5) == 0);
}

static void check_lengths(void)
{
    static char text[LINE_LONGEST + 1];

    memset(text, 'a', sizeof text);
    CHECK(line_parse(&line, text, LINE_LONGEST - 1) == 0);
    CHECK(line.count == 1 && line.fields[0].length == LINE_LONGEST - 1);
    CHECK(line_parse(&line, text, LINE_LONGEST) == -REASON_BAD_REQUEST);
    /* As many fields as can be. */
    for (size_t i = 1; i < LINE_LONGEST - 1; i += 2)
        text[i] = ' ';
    CHECK(line_parse(&line, text, LINE_LONGEST - 1) == 0);
    CHECK(line.count == LINE_FIELDS);
}

static void check_escape(void)
{
    char text[4];
    char all[256];
    char escaped[3 * sizeof all + 1];

    CHECK(line_escape("", 0, text) == 0 && text[0] == '\0');
    for (size_t i = 0; i < sizeof all; i++) {
        char byte = (char)(unsigned char)i;
        bool must = i <= 0x20 || i == 0x25 || i == 0x3D || i == 0x7F;
        all[i] = byte;
        CHECK(line_escape(&byte, 1, text) == (must ? 3U : 1U));
    }
    size_t length = line_escape(all, sizeof all, escaped);
    CHECK(line_parse(&line, escaped, length) == 0);
    CHECK(line.count == 1 && line.fields[0].length == sizeof all);
    CHECK(memcmp(line.fields[0].bytes, all, sizeof all) == 0);
}

static bool echoes(const char *bytes, const char *expected)
{
    char text[LINE_ECHO_ROOM];
    return line_echo(bytes, strlen(bytes), text) == text && strcmp(text, expected) == 0;
}

static void check_echo(void)
{
    char bytes[100];
    char expected[LINE_ECHO_ROOM];
    char text[LINE_ECHO_ROOM];

    CHECK(echoes("", ""));
    CHECK(echoes("a b%\n=", "a%20b%25%0A%3D"));
    CHECK(echoes("\x1B[31m", "%1B[31m"));
    CHECK(echoes("\xC3\xA4", "\xC3\xA4"));
    /* C1 and what is no UTF-8. */
    CHECK(echoes("\xC2\x9B|\xFF\xC3", "?|??"));

    memset(bytes, 'a', sizeof bytes);
    memset(expected, 'a', 64);
    expected[64] = '\0';
    CHECK(strcmp(line_echo(bytes, 64, text), expected) == 0);
    memcpy(expected + 64, "...", 4);
    CHECK(strcmp(line_echo(bytes, 65, text), expected) == 0);
    /* Neither an escape nor a character is cut in the middle. */
    memcpy(expected + 63, "...", 4);
    bytes[63] = ' ';
    CHECK(strcmp(line_echo(bytes, 65, text), expected) == 0);
    bytes[63] = '\xC3';
    bytes[64] = '\xA4';
    CHECK(strcmp(line_echo(bytes, 65, text), expected) == 0);
    memset(bytes, '\n', sizeof bytes);
    CHECK(strlen(line_echo(bytes, sizeof bytes, text)) == 63 + 3);
}

static int parse_answer(const char *text)
{
    return answer_parse(&answer, text, strlen(text));
}

static void check_answers(void)
{
    static const char *const wrong[] = {
        "",      "OKAY",     "ok",        "WAIT",     "END",        "6",      "OK=1",
        "FAIL",  "FAIL ",    "FAIL  a",   "FAIL 9",   "FAIL Busy",  "OK  ",   "size=1 OK",
        "EXIST", "FAILbusy", "FAIL=busy", "OK size=", "OK a=1 a=1", "EMPTY ",
    };

    CHECK(parse_answer("OK size=6 digest=x") == 0 && answer.kind == ANSWER_OK);
    CHECK(line_option(&answer.line, "size") != NULL);
    CHECK(parse_answer("OK") == 0 && answer.kind == ANSWER_OK);
    CHECK(parse_answer("EMPTY") == 0 && answer.kind == ANSWER_EMPTY);
    CHECK(parse_answer("EXISTS same=1") == 0 && answer.kind == ANSWER_EXISTS);
    CHECK(parse_answer("FAIL not-found no such file") == 0 && answer.kind == ANSWER_FAIL);
    CHECK(answer.reason == REASON_NOT_FOUND && strcmp(answer.text, "no such file") == 0);
    CHECK(parse_answer("FAIL busy") == 0);
    CHECK(answer.reason == REASON_BUSY && answer.text[0] == '\0');
    CHECK(parse_answer("FAIL no-such-reason a=b=c  %") == 0);
    CHECK(answer.reason == REASON_INTERNAL && strcmp(answer.text, "a=b=c  %") == 0);
    CHECK(parse_answer("FAIL denied \x1B[2J\xC2\x9B\xFF") == 0);
    CHECK(strcmp(answer.text, "?[2J??") == 0);
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(parse_answer(wrong[i]) == -REASON_BAD_REQUEST);
}

int main(void)
{
    check_fields();
    check_faults();
    check_lengths();
    check_escape();
    check_echo();
    check_answers();
    return 0;
}
