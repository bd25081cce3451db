#include "protocol/reason.h"

#include <string.h>

#include "tests/unit/check.h"

/* The table of fsd-protocol(7) and fsc(1), written once more. */
static const struct {
    enum reason reason;
    const char *word;
    int exit_code;
} sent[] = {
    {REASON_NOT_FOUND, "not-found", 4},
    {REASON_NOT_A_FILE, "not-a-file", 1},
    {REASON_DENIED, "denied", 6},
    {REASON_BAD_REQUEST, "bad-request", 1},
    {REASON_ABORTED, "aborted", 1},
    {REASON_BAD_NAME, "bad-name", 2},
    {REASON_TOO_LARGE, "too-large", 7},
    {REASON_NO_SPACE, "no-space", 7},
    {REASON_MISMATCH, "mismatch", 8},
    {REASON_INTERNAL, "internal", 1},
    {REASON_BUSY, "busy", 12},
    {REASON_TIMEOUT, "timeout", 11},
    {REASON_UNAVAILABLE, "unavailable", 12},
    {REASON_UNSUPPORTED, "unsupported", 1},
    {REASON_INCOMPLETE, "incomplete", 1},
};

static const struct {
    enum reason reason;
    int exit_code;
} local[] = {
    {REASON_NONE, 0},      {REASON_EXISTS, 3}, {REASON_EMPTY, 5},
    {REASON_USAGE, 2},     {REASON_LOCAL, 9},  {REASON_LOST, 10},
    {REASON_IDENTITY, 13}, {REASON_BREACH, 1}, {REASON_COMMAND, 14},
};

static int parse(const char *bytes, size_t length, enum reason *ret_reason)
{
    char text[16];
    return reason_parse(bytes, length, ret_reason, text, sizeof text);
}

static enum reason reason_of_word(const char *word, size_t length)
{
    enum reason reason = REASON_NONE;
    CHECK(parse(word, length, &reason) == 0);
    return reason;
}

static void check_sent(void)
{
    for (size_t i = 0; i < COUNT(sent); i++) {
        const char *word = sent[i].word;
        CHECK(strcmp(reason_word(sent[i].reason), word) == 0);
        CHECK(reason_of_word(word, strlen(word)) == sent[i].reason);
        CHECK(reason_of_word(word, strlen(word) - 1) == REASON_INTERNAL);
        CHECK(reason_exit_code(sent[i].reason) == sent[i].exit_code);
    }
    CHECK(reason_of_word("disk-on-fire", 12) == REASON_INTERNAL);
}

static void check_local(void)
{
    for (size_t i = 0; i < COUNT(local); i++) {
        const char *word = reason_word(local[i].reason);
        CHECK(reason_exit_code(local[i].reason) == local[i].exit_code);
        /* What only one side can know never comes from the other. */
        CHECK(reason_of_word(word, strlen(word)) == REASON_INTERNAL);
    }
    CHECK(COUNT(local) + COUNT(sent) == REASON_COUNT);
}

static void check_texts(void)
{
    for (enum reason reason = REASON_NONE; reason < REASON_COUNT; reason++)
        CHECK(strlen(reason_text(reason)) > 0);
    CHECK(strlen(reason_text(REASON_COUNT)) > 0 && strlen(reason_word(REASON_COUNT)) > 0);
    for (int code = 0; code <= 13; code++)
        CHECK(strlen(reason_exit_meaning(code)) > 0);
    CHECK(reason_exit_meaning(15) == NULL && reason_exit_meaning(-1) == NULL);
}

static void check_forms(void)
{
    static const char *const refused[] = {"", " a", "Busy", "a1", "a=b"};
    enum reason reason = REASON_NONE;
    char text[4];

    for (size_t i = 0; i < COUNT(refused); i++)
        CHECK(parse(refused[i], strlen(refused[i]), &reason) == -REASON_BAD_REQUEST);
    CHECK(parse("a\0", 2, &reason) == -REASON_BAD_REQUEST);
    CHECK(parse("a", 1, &reason) == 0 && parse("any-thing", 9, &reason) == 0);
    CHECK(reason_parse("busy a\tbc", 9, &reason, text, sizeof text) == 0);
    CHECK(reason == REASON_BUSY && strcmp(text, "a?b") == 0);
    CHECK(reason_parse("busy", 4, &reason, text, sizeof text) == 0 && text[0] == '\0');
}

int main(void)
{
    check_sent();
    check_local();
    check_texts();
    check_forms();
    return 0;
}
