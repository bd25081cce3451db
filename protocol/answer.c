#include "protocol/answer.h"

#include <string.h>

#include "protocol/utf8.h"

int answer_parse(struct answer *answer, const char *bytes, size_t length)
{
    static const char *const words[] = {"OK", "EMPTY", "EXISTS"};

    answer->reason = REASON_NONE;
    answer->text[0] = '\0';
    if (length > 5 && memcmp(bytes, "FAIL ", 5) == 0) {
        answer->kind = ANSWER_FAIL;
        answer->line.count = 0;
        return answer_parse_reason(bytes + 5, length - 5, &answer->reason, answer->text,
                                   sizeof answer->text);
    }
    if (line_parse(&answer->line, bytes, length) < 0 || answer->line.fields[0].key != NULL)
        return -REASON_BAD_REQUEST;
    for (enum answer_kind kind = ANSWER_OK; kind <= ANSWER_EXISTS; kind++) {
        if (answer->line.fields[0].length == strlen(words[kind]) &&
            strcmp(answer->line.fields[0].bytes, words[kind]) == 0) {
            answer->kind = kind;
            return 0;
        }
    }
    return -REASON_BAD_REQUEST;
}

int answer_parse_reason(const char *bytes, size_t length, enum reason *ret_reason, char *text,
                        size_t room)
{
    const char *space = memchr(bytes, ' ', length);
    size_t word = space != NULL ? (size_t)(space - bytes) : length;

    if (!reason_is_word(bytes, word))
        return -REASON_BAD_REQUEST;
    *ret_reason = reason_of_word(bytes, word);
    text[0] = '\0';
    if (space != NULL)
        utf8_clean(space + 1, length - word - 1, text, room);
    return 0;
}
