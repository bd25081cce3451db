#include "cli/shell.h"

#include <stdlib.h>
#include <string.h>

enum {
    QUOTED_LONGEST = 7, /* bytes that one may become */
};

/* A line that is being read. */
struct reading {
    struct shell_line *line;
    const char *bytes, *next, *end;
    char *to; /* where the text of the words goes on */
    bool in_word;
    bool has_variable; /* the word does */
};

/* The byte behind the next one; NUL at the end. */
static char peek(const struct reading *reading)
{
    if (reading->end - reading->next < 2)
        return '\0';
    return reading->next[1];
}

static void put(struct reading *reading, char byte)
{
    *reading->to++ = byte;
    reading->next++;
}

static void begin_word(struct reading *reading)
{
    struct shell_line *line = reading->line;

    if (reading->in_word)
        return;
    reading->in_word = true;
    reading->has_variable = false;
    line->words[line->count++] = reading->to;
    line->last_is_known = reading->next == reading->end || *reading->next != '~';
}

/* Takes the last word away. */
static void drop_word(struct reading *reading)
{
    reading->in_word = false;
    reading->to = reading->line->words[--reading->line->count];
}

static void end_word(struct reading *reading)
{
    struct shell_line *line = reading->line;

    if (!reading->in_word)
        return;
    *reading->to++ = '\0';
    reading->in_word = false;
    if (line->is_target)
        drop_word(reading);
    else
        line->rest_is_known = line->rest_is_known && !reading->has_variable;
    line->is_target = false;
}

/* < or > and what belongs to it: the number in front is no word, and neither is what follows. */
static int take_redirection(struct reading *reading)
{
    const char *before = reading->next;

    while (before > reading->bytes && before[-1] >= '0' && before[-1] <= '9')
        before--;
    if (reading->in_word && before > reading->bytes && strchr(" \t", before[-1]) != NULL)
        drop_word(reading);
    end_word(reading);
    while (reading->next < reading->end && strchr("<>|&", *reading->next) != NULL)
        reading->next++;
    reading->line->is_target = true;
    return 0;
}

static int open_quotes(struct reading *reading, enum shell_quotes quotes, size_t length)
{
    reading->next += length;
    reading->line->quotes = quotes;
    reading->line->opened = (size_t)(reading->next - reading->bytes);
    return 0;
}

/* $: a variable is left as it is; how far a substitution goes only bash knows. */
static int take_dollar(struct reading *reading)
{
    char behind = peek(reading);

    if (behind == '(' || behind == '{' || behind == '[')
        return -1;
    reading->has_variable = true;
    put(reading, '$');
    return 0;
}

static int take_bare(struct reading *reading)
{
    char byte = *reading->next;

    if (byte == ' ' || byte == '\t') {
        end_word(reading);
        reading->next++;
        return 0;
    }
    if (byte == '<' || byte == '>')
        return take_redirection(reading);
    if (strchr(";|&()\n`", byte) != NULL || (byte == '#' && !reading->in_word))
        return -1;
    begin_word(reading);
    if (byte == '"')
        return open_quotes(reading, SHELL_DOUBLE, 1);
    if (byte == '\'')
        return open_quotes(reading, SHELL_SINGLE, 1);
    if (byte == '$')
        return peek(reading) == '\'' ? open_quotes(reading, SHELL_ANSI, 2) : take_dollar(reading);
    /* What a last backslash is for is still to be typed. */
    if (byte == '\\' && ++reading->next == reading->end)
        return 0;
    put(reading, *reading->next);
    return 0;
}

static int take_double(struct reading *reading)
{
    const char *next = reading->next;

    if (*next == '`')
        return -1;
    if (*next == '$')
        return take_dollar(reading);
    /* strchr() finds the end, too. */
    if (*next == '\\' && strchr("$`\"\\", peek(reading)) != NULL && ++reading->next == reading->end)
        return 0;
    put(reading, *reading->next);
    return 0;
}

/* Of the escapes only those of printable characters; readline takes the quote of \' for the end. */
static int take_ansi(struct reading *reading)
{
    char byte = *reading->next;

    if (byte == '\\') {
        byte = peek(reading);
        reading->next++;
        if (byte == '\'')
            return -1;
        if (reading->next == reading->end)
            return 0;
        if (byte != '\\' && byte != '"' && byte != '?')
            reading->has_variable = true;
    }
    put(reading, byte);
    return 0;
}

static int take_byte(struct reading *reading)
{
    enum shell_quotes quotes = reading->line->quotes;

    if (quotes != SHELL_BARE && *reading->next == (quotes == SHELL_DOUBLE ? '"' : '\'')) {
        reading->line->quotes = SHELL_BARE;
        reading->next++;
        return 0;
    }
    switch (quotes) {
    case SHELL_DOUBLE:
        return take_double(reading);
    case SHELL_ANSI:
        return take_ansi(reading);
    case SHELL_SINGLE:
        put(reading, *reading->next);
        return 0;
    case SHELL_BARE:
        break;
    }
    return take_bare(reading);
}

int shell_split(struct shell_line *line, const char *bytes, size_t length)
{
    int code = 0;

    /* A word takes its own bytes and that of what ends it. */
    *line = (struct shell_line){.words = calloc(length + 2, sizeof *line->words),
                                .text = calloc(length + 2, 1),
                                .rest_is_known = true};
    if (line->words == NULL || line->text == NULL)
        return -1;
    struct reading reading = {
        .line = line, .bytes = bytes, .next = bytes, .end = bytes + length, .to = line->text};
    while (code == 0 && reading.next < reading.end)
        code = take_byte(&reading);
    begin_word(&reading);
    *reading.to = '\0';
    line->last_is_known = line->last_is_known && !reading.has_variable;
    line->words[line->count] = NULL;
    return code;
}

void shell_release(struct shell_line *line)
{
    free(line->words);
    free(line->text);
    *line = (struct shell_line){.words = NULL};
}

static bool is_special(enum shell_quotes quotes, char byte)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./,@%+-:=";
    static const char *const special[] = {
        [SHELL_DOUBLE] = "$`\"\\!", [SHELL_SINGLE] = "'", [SHELL_ANSI] = "'\\"};

    if (quotes == SHELL_BARE)
        return (unsigned char)byte < 0x80 && strchr(plain, byte) == NULL;
    return strchr(special[quotes], byte) != NULL;
}

bool shell_is_plain(const char *text)
{
    while (*text != '\0' && !is_special(SHELL_BARE, *text))
        text++;
    return *text == '\0';
}

bool shell_takes_backslash(enum shell_quotes quotes, char byte)
{
    return is_special(quotes, byte) && (quotes == SHELL_BARE || (byte != '!' && byte != '\''));
}

/*
 * What a special byte becomes. A backslash does not take its meaning from ! in double quotes, but
 * outside; and of $'...' readline knows no \'.
 */
static char *quote_byte(char *to, enum shell_quotes quotes, char byte)
{
    if (shell_takes_backslash(quotes, byte)) {
        *to++ = '\\';
        *to++ = byte;
        *to = '\0';
        return to;
    }
    if (byte == '!')
        return stpcpy(to, "\"\\!\"");
    return stpcpy(to, quotes == SHELL_SINGLE ? "'\\''" : "'\"'\"$'");
}

static char *quote_bytes(char *to, enum shell_quotes quotes, const char *text, size_t mark)
{
    static const char *const pairs[] = {"''", "\"\"", "''", "'$'"};

    for (size_t i = 0; text[i] != '\0'; i++) {
        if (i == mark)
            to = stpcpy(to, pairs[quotes]);
        if (is_special(quotes, text[i])) {
            to = quote_byte(to, quotes, text[i]);
        } else {
            *to++ = text[i];
            *to = '\0';
        }
    }
    return to;
}

/*
 * With quotes open readline takes a quote in front of the text for the one that opened them, and
 * one at its end for the one that closes them: each then needs another.
 */
static void put_quotes(char *text, char *end, char quote)
{
    if (end[-1] == quote)
        *end++ = quote;
    *end = '\0';
    if (text[0] == quote) {
        memmove(text + 1, text, (size_t)(end - text) + 1);
        text[0] = quote;
    }
}

char *shell_quote(const char *text, enum shell_quotes open, enum shell_quotes style, size_t mark)
{
    static const char *const opening[] = {"", "\"", "'", "$'"};
    char *quoted = malloc(strlen(text) * QUOTED_LONGEST + 2 * QUOTED_LONGEST);

    if (quoted == NULL)
        return NULL;
    if (open == SHELL_BARE) {
        char *end = quote_bytes(stpcpy(quoted, opening[style]), style, text, mark);
        (void)stpcpy(end, style == SHELL_ANSI ? "'" : opening[style]);
    } else if (text[0] == '\0') {
        quoted[0] = '\0';
    } else {
        put_quotes(quoted, quote_bytes(quoted, open, text, mark),
                   open == SHELL_DOUBLE ? '"' : '\'');
    }
    return quoted;
}
