#include "protocol/answer.h"

#include <string.h>

int answer_parse(struct answer *answer, const char *bytes, size_t length)
{
    static const char *const words[] = {"OK", "EMPTY", "EXISTS"};

    answer->reason = REASON_NONE;
    answer->text[0] = '\0';
    if (length > 5 && memcmp(bytes, "FAIL ", 5) == 0) {
        answer->kind = ANSWER_FAIL;
        answer->line.count = 0;
        return reason_parse(bytes + 5, length - 5, &answer->reason, answer->text,
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
