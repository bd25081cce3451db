#include "protocol/reason.h"

#include <string.h>

#include "protocol/utf8.h"

struct row {
    const char *word;
    int exit_code;
    const char *text;
};

static const struct row rows[REASON_COUNT] = {
    [REASON_NONE] = {"ok", 0, "done"},
    [REASON_NOT_FOUND] = {"not-found", 4, "no such file in the library"},
    [REASON_NOT_A_FILE] = {"not-a-file", 1, "is a folder, link or special file in the library"},
    [REASON_DENIED] = {"denied", 6, "not allowed"},
    [REASON_BAD_REQUEST] = {"bad-request", 1, "the request violates the protocol"},
    [REASON_ABORTED] = {"aborted", 1, "the upload was aborted"},
    [REASON_BAD_NAME] = {"bad-name", 2, "not a valid name"},
    [REASON_TOO_LARGE] = {"too-large", 7, "larger than the server accepts"},
    [REASON_NO_SPACE] = {"no-space", 7, "no space left in the library"},
    [REASON_MISMATCH] = {"mismatch", 8, "the content differs from what was announced"},
    [REASON_INTERNAL] = {"internal", 1, "internal error of the server"},
    [REASON_BUSY] = {"busy", 12, "the server is too busy"},
    [REASON_TIMEOUT] = {"timeout", 11, "time limit reached"},
    [REASON_UNAVAILABLE] = {"unavailable", 12, "the server is unavailable"},
    [REASON_UNSUPPORTED] = {"unsupported", 1, "the server does not support this request or option"},
    [REASON_INCOMPLETE] = {"incomplete", 1, "the server could not look everywhere"},
    [REASON_EXISTS] = {"exists", 3, "exists in the library with different content"},
    [REASON_EMPTY] = {"empty", 5, "no files"},
    [REASON_USAGE] = {"usage", 2, "wrong usage"},
    [REASON_LOCAL] = {"local", 9, "local file error"},
    [REASON_LOST] = {"lost", 10, "the connection was lost"},
    [REASON_IDENTITY] = {"identity", 13, "the server's identity is unknown"},
    [REASON_COMMAND] = {"command", 14, "the command failed"},
    [REASON_BREACH] = {"breach", 1, "the server violated the protocol"},
};

static const char *const exit_meanings[] = {
    "done (also: already there, same bytes)",
    "any other failure",
    "wrong usage or configuration",
    "EXISTS: the name, or the local file, has different content",
    "not found",
    "EMPTY, with --fail-empty",
    "denied",
    "no room: disk or size limit",
    "mismatch: wrong digest or size, or a file that changed",
    "local file error",
    "no connection, or lost: retry",
    "time limit reached: retry",
    "server busy or stopping: retry",
    "server's identity unknown or changed",
    "the command of --from-command or --to-command failed",
};

static const struct row *row_of(enum reason reason)
{
    return &rows[reason < REASON_COUNT ? reason : REASON_INTERNAL];
}

const char *reason_word(enum reason reason)
{
    return row_of(reason)->word;
}

const char *reason_text(enum reason reason)
{
    return row_of(reason)->text;
}

int reason_parse(const char *bytes, size_t length, enum reason *ret_reason, char *text, size_t room)
{
    const char *space = memchr(bytes, ' ', length);
    size_t word = space != NULL ? (size_t)(space - bytes) : length;

    for (size_t i = 0; i < word; i++) {
        if ((bytes[i] < 'a' || bytes[i] > 'z') && bytes[i] != '-')
            return -REASON_BAD_REQUEST;
    }
    if (word == 0)
        return -REASON_BAD_REQUEST;
    *ret_reason = REASON_INTERNAL;
    for (enum reason reason = REASON_NOT_FOUND; reason < REASON_EXISTS; reason++) {
        if (strlen(rows[reason].word) == word && memcmp(rows[reason].word, bytes, word) == 0)
            *ret_reason = reason;
    }
    text[0] = '\0';
    if (space != NULL)
        (void)utf8_clean(space + 1, length - word - 1, text, room);
    return 0;
}

int reason_exit_code(enum reason reason)
{
    return row_of(reason)->exit_code;
}

const char *reason_exit_meaning(int code)
{
    const int count = sizeof exit_meanings / sizeof exit_meanings[0];
    return code >= 0 && code < count ? exit_meanings[code] : NULL;
}
