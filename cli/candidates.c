#include "cli/candidates.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

int candidates_begin(struct candidates *candidates, const struct shell_line *line,
                     const char *bytes, const char *text)
{
    size_t length = strlen(bytes);
    size_t text_length = strlen(text);
    size_t start = line->opened;
    struct shell_line head;

    *candidates = (struct candidates){.word = line->words[line->count - 1]};
    if (line->quotes == SHELL_BARE) {
        if (text_length > length || strcmp(bytes + length - text_length, text) != 0)
            return -1;
        start = length - text_length;
        candidates->style = text[0] == '"'                      ? SHELL_DOUBLE
                            : text[0] == '\''                   ? SHELL_SINGLE
                            : text[0] == '$' && text[1] == '\'' ? SHELL_ANSI
                                                                : SHELL_BARE;
    }
    candidates->quotes = line->quotes;
    int code = shell_split(&head, bytes, start);
    if (code == 0 && head.count == line->count && head.quotes == line->quotes)
        candidates->kept = strlen(head.words[head.count - 1]);
    else
        code = -1;
    shell_release(&head);
    return code;
}

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

/*
 * readline inserts what the quoted texts have in common. It would be half of an escape where they
 * part at bytes that all take a backslash: "a b" and "a;b" have "a\" in common. Returns the place
 * at which the last candidate must differ, counted after the kept bytes; SIZE_MAX for none.
 */
static size_t find_mark(const struct candidates *candidates)
{
    enum shell_quotes quotes =
        candidates->quotes != SHELL_BARE ? candidates->quotes : candidates->style;
    const char *first = candidates->count > 0 ? candidates->texts[0] : "";
    size_t common = strlen(first);

    /* readline may ignore the case of letters. */
    for (size_t i = 1; i < candidates->count; i++) {
        size_t same = 0;
        while (same < common && tolower((unsigned char)candidates->texts[i][same]) ==
                                    tolower((unsigned char)first[same]))
            same++;
        common = same;
    }
    for (size_t i = 0; i < candidates->count; i++) {
        char byte = candidates->texts[i][common];
        if (byte == '\0' || !shell_takes_backslash(quotes, byte))
            return SIZE_MAX;
    }
    return common - candidates->kept;
}

void candidates_print(struct candidates *candidates)
{
    size_t mark = find_mark(candidates);
    bool at_start = candidates->kept == 0 && candidates->quotes == SHELL_BARE;

    (void)output_print("%s\n", candidates->is_unfinished ? "nospace" : "space");
    for (size_t i = 0; i < candidates->count; i++) {
        char *text = candidates->texts[i];
        /* An operand that begins with "-" needs "--" before it, and room for that. */
        bool needs_dashes = candidates->is_operand && text[0] == '-';
        char *quoted =
            needs_dashes && !at_start
                ? NULL
                : shell_quote(text + candidates->kept, candidates->quotes, candidates->style,
                              i + 1 == candidates->count ? mark : SIZE_MAX);
        if (quoted != NULL)
            (void)output_print("%s%s\n", needs_dashes ? "-- " : "", quoted);
        free(quoted);
        free(text);
    }
    candidates->count = 0;
}
