#include "cli/shell.h"

#include <stdlib.h>
#include <string.h>

enum {
    QUOTED_LONGEST = 7, /* bytes that one byte may become */
};

/* How far a line has been split. */
struct splitter {
    struct shell_line *line;
    const char *start, *next, *end; /* of the line */
    char *to;                       /* the end of the words' text */
    bool in_word;
    bool has_variable; /* in the word */
};

static void begin_word(struct splitter *splitter)
{
    struct shell_line *line = splitter->line;

    if (splitter->in_word)
        return;
    splitter->in_word = true;
    splitter->has_variable = false;
    line->words[line->count++] = splitter->to;
    line->last_is_known = splitter->next == splitter->end || *splitter->next != '~';
}

static void drop_word(struct splitter *splitter)
{
    splitter->in_word = false;
    splitter->to = splitter->line->words[--splitter->line->count];
}

static void end_word(struct splitter *splitter)
{
    struct shell_line *line = splitter->line;

    if (!splitter->in_word)
        return;
    *splitter->to++ = '\0';
    splitter->in_word = false;
    if (line->is_target)
        drop_word(splitter);
    else
        line->rest_is_known = line->rest_is_known && !splitter->has_variable;
    line->is_target = false;
}

/* The number before < or > is not a word, and neither is what follows. */
static void take_redirection(struct splitter *splitter)
{
    const char *before = splitter->next;

    while (before > splitter->start && before[-1] >= '0' && before[-1] <= '9')
        before--;
    if (splitter->in_word && before > splitter->start && strchr(" \t", before[-1]) != NULL)
        drop_word(splitter);
    end_word(splitter);
    while (splitter->next < splitter->end && strchr("<>|&", *splitter->next) != NULL)
        splitter->next++;
    splitter->line->is_target = true;
}

/* Takes the next byte with what belongs to it. Returns -1 where shell_split() has to. */
static int take_byte(struct splitter *splitter)
{
    struct shell_line *line = splitter->line;
    bool is_bare = line->quotes == SHELL_BARE;
    bool is_double = line->quotes == SHELL_DOUBLE;
    char byte = *splitter->next;
    char following = '\0';

    if (splitter->end - splitter->next > 1)
        following = splitter->next[1];
    /* What has a meaning only outside quotes; opening quotes. */
    if (is_bare) {
        if (byte == ' ' || byte == '\t') {
            end_word(splitter);
            splitter->next++;
            return 0;
        }
        if (byte == '<' || byte == '>') {
            take_redirection(splitter);
            return 0;
        }
        if (strchr(";|&()\n", byte) != NULL || (byte == '#' && !splitter->in_word))
            return -1;
        begin_word(splitter);
        line->quotes = byte == '"'                        ? SHELL_DOUBLE
                       : byte == '\''                     ? SHELL_SINGLE
                       : byte == '$' && following == '\'' ? SHELL_ANSI
                                                          : SHELL_BARE;
        if (line->quotes != SHELL_BARE) {
            splitter->next += line->quotes == SHELL_ANSI ? 2 : 1;
            line->opened = (size_t)(splitter->next - splitter->start);
            return 0;
        }
    } else if (byte == (is_double ? '"' : '\'')) {
        line->quotes = SHELL_BARE;
        splitter->next++;
        return 0;
    }
    /* Substitutions, whose end only bash can find; variables; escapes. */
    if (is_bare || is_double) {
        if (byte == '`' || (byte == '$' && following != '\0' && strchr("({[", following) != NULL))
            return -1;
        splitter->has_variable = splitter->has_variable || byte == '$';
        /* At the end of the line, what is escaped has still to be typed: strchr() finds the NUL. */
        if (byte == '\\' && (is_bare || strchr("$`\"\\", following) != NULL))
            splitter->next++;
    } else if (byte == '\\' && line->quotes == SHELL_ANSI) {
        /* readline takes the quote in \' for the closing one. */
        if (following == '\'')
            return -1;
        /* Escapes such as \n are left to bash, as variables are. */
        splitter->has_variable = splitter->has_variable || strchr("\\\"?", following) == NULL;
        splitter->next++;
    }
    if (splitter->next < splitter->end)
        *splitter->to++ = *splitter->next++;
    return 0;
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
    struct splitter splitter = {
        .line = line, .start = bytes, .next = bytes, .end = bytes + length, .to = line->text};
    while (code == 0 && splitter.next < splitter.end)
        code = take_byte(&splitter);
    begin_word(&splitter);
    *splitter.to = '\0';
    line->last_is_known = line->last_is_known && !splitter.has_variable;
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

/* Writes the text as it is to stand between these quotes. Returns its end. */
static char *quote_bytes(char *to, enum shell_quotes quotes, const char *text, size_t mark)
{
    static const char *const pairs[] = {"''", "\"\"", "''", "'$'"};

    for (size_t i = 0; text[i] != '\0'; i++) {
        char byte = text[i];
        if (i == mark)
            to = stpcpy(to, pairs[quotes]);
        if (is_special(quotes, byte) && !shell_takes_backslash(quotes, byte)) {
            /* In double quotes a backslash does not protect "!"; in $'...' readline ignores \'. */
            to = stpcpy(to, byte == '!'              ? "\"\\!\""
                            : quotes == SHELL_SINGLE ? "'\\''"
                                                     : "'\"'\"$'");
            continue;
        }
        if (is_special(quotes, byte))
            *to++ = '\\';
        *to++ = byte;
    }
    *to = '\0';
    return to;
}

char *shell_quote(const char *text, enum shell_quotes open, enum shell_quotes style, size_t mark)
{
    static const char *const opening[] = {"", "\"", "'", "$'"};
    static const char closing[] = {'\0', '"', '\'', '\''};
    char *quoted = malloc(strlen(text) * QUOTED_LONGEST + 2 * QUOTED_LONGEST);

    if (quoted == NULL)
        return NULL;
    if (open == SHELL_BARE) {
        char *end = quote_bytes(stpcpy(quoted, opening[style]), style, text, mark);
        *end++ = closing[style];
        *end = '\0';
        return quoted;
    }
    /*
     * readline takes a quote at the start of the text for the one that opened them, and one at its
     * end for the one that closes them: each then needs a second one.
     */
    char quote = closing[open];
    char *end = quote_bytes(quoted + 1, open, text, mark);
    if (text[0] != '\0' && end[-1] == quote)
        *end++ = quote;
    *end = '\0';
    quoted[0] = quote;
    if (quoted[1] != quote)
        memmove(quoted, quoted + 1, (size_t)(end - quoted));
    return quoted;
}
