#include "cli/candidates.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

void candidates_add(struct candidates *candidates, const char *text)
{
    size_t length = strlen(text);

    if (strncmp(text, candidates->word, strlen(candidates->word)) != 0 ||
        (candidates->only_plain && !shell_is_plain(text)))
        return;
    if (candidates->count > 0 &&
        (candidates->count == CANDIDATES_MOST || candidates->bytes + length > CANDIDATES_BYTES)) {
        char *last = candidates->texts[--candidates->count];
        candidates->bytes -= strlen(last);
        free(last);
    }
    candidates->texts[candidates->count] = strdup(text);
    if (candidates->texts[candidates->count] == NULL)
        return;
    candidates->count++;
    candidates->bytes += length;
    candidates->is_unfinished =
        candidates->is_unfinished || (length > 0 && text[length - 1] == '/');
}

/* How many bytes all of them have in common for readline, which may ignore the case of letters. */
static size_t common_length(const struct candidates *candidates)
{
    size_t length = candidates->count > 0 ? strlen(candidates->texts[0]) : 0;

    for (size_t i = 1; i < candidates->count; i++) {
        size_t same = 0;
        while (same < length && tolower((unsigned char)candidates->texts[i][same]) ==
                                    tolower((unsigned char)candidates->texts[0][same]))
            same++;
        length = same;
    }
    return length;
}

/*
 * readline inserts what the quoted texts have in common. It would be half of an escape where they
 * part at bytes that all take a backslash: "a b" and "a;b" have "a\" in common. Returns the place
 * at which the last candidate must differ; SIZE_MAX for none.
 */
static size_t find_mark(const struct candidates *candidates)
{
    enum shell_quotes quotes =
        candidates->quotes != SHELL_BARE ? candidates->quotes : candidates->style;
    size_t common = common_length(candidates);

    for (size_t i = 0; i < candidates->count; i++) {
        char byte = candidates->texts[i][common];
        if (byte == '\0' || !shell_takes_backslash(quotes, byte))
            return SIZE_MAX;
    }
    return common - candidates->kept;
}

/* An operand with "-" in front is one only behind "--", for which there must be a place. */
static void print_one(const struct candidates *candidates, const char *text, size_t mark)
{
    bool needs_dashes = candidates->is_operand && text[0] == '-';

    if (needs_dashes && (candidates->kept > 0 || candidates->quotes != SHELL_BARE))
        return;
    char *quoted =
        shell_quote(text + candidates->kept, candidates->quotes, candidates->style, mark);
    if (quoted != NULL)
        (void)output_print("%s%s\n", needs_dashes ? "-- " : "", quoted);
    free(quoted);
}

void candidates_print(struct candidates *candidates)
{
    size_t mark = find_mark(candidates);

    (void)output_print("%s\n", candidates->is_unfinished ? "nospace" : "space");
    for (size_t i = 0; i < candidates->count; i++) {
        print_one(candidates, candidates->texts[i], i + 1 == candidates->count ? mark : SIZE_MAX);
        free(candidates->texts[i]);
    }
    candidates->count = 0;
}
