/*
 * Lines: what the grammar accepts has one spelling only, so that a line that is parsed and printed is
 * the same line. Nothing that is shown of a line can harm a terminal.
 */
#include "protocol/line.h"

#include "protocol/answer.h"
#include "protocol/body.h"
#include "tests/fuzz/fuzz.h"

static void check_line(const char *bytes, size_t length)
{
    static struct line line;
    static char printed[3 * LINE_LONGEST];
    size_t used = 0;

    if (line_parse(&line, bytes, length) < 0)
        return;
    CHECK(line.count >= 1 && line.count <= LINE_FIELDS);
    for (size_t i = 0; i < line.count; i++) {
        const struct field *field = &line.fields[i];
        CHECK(field->length > 0 && field->bytes[field->length] == '\0');
        CHECK(field->key == NULL || line_option(&line, field->key) == field);
        if (i > 0)
            printed[used++] = ' ';
        if (field->key != NULL)
            used += (size_t)sprintf(printed + used, "%s=", field->key);
        used += line_escape(field->bytes, field->length, printed + used);
    }
    CHECK(used == length && memcmp(printed, bytes, length) == 0);
}

static void check_answer(const char *bytes, size_t length)
{
    static struct answer answer;

    if (answer_parse(&answer, bytes, length) < 0)
        return;
    if (answer.kind == ANSWER_FAIL)
        CHECK(answer.reason != REASON_NONE && fuzz_is_clean(answer.text, strlen(answer.text)));
    else
        CHECK(answer.line.count >= 1 && answer.line.fields[0].key == NULL);
}

/* What a request's body may have, an answer's may have too, with the same meaning. */
static void check_item(const char *bytes, size_t length)
{
    static struct item strict, lenient;

    if (item_parse(bytes, length, false, &strict) < 0)
        return;
    CHECK(item_parse(bytes, length, true, &lenient) == 0);
    CHECK(strict.kind == lenient.kind && strict.length == lenient.length);
    CHECK(strict.reason == lenient.reason && strcmp(strict.digest, lenient.digest) == 0);
    CHECK(strict.kind != ITEM_DATA || (strict.length >= 1 && strict.length <= ITEM_LONGEST));
    CHECK(fuzz_is_clean(strict.text, strlen(strict.text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char echo[LINE_ECHO_ROOM];
    char *text = fuzz_text(data, size);

    CHECK(line_echo(text, size, echo) == echo && fuzz_is_message(echo, strlen(echo)));
    check_line(text, size);
    check_answer(text, size);
    check_item(text, size);
    free(text);
    return 0;
}
