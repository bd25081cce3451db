/*
 * bash(1) command lines: splitting one that is being typed, and quoting texts so that bash reads
 * them back, whatever they contain. Nothing is ever expanded.
 */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include <stdbool.h>
#include <stddef.h>

/* The quotes that are open at a place in a line. */
enum shell_quotes {
    SHELL_BARE,   /* none */
    SHELL_DOUBLE, /* "..." */
    SHELL_SINGLE, /* '...' */
    SHELL_ANSI,   /* $'...' */
};

/* A simple command up to the cursor. */
struct shell_line {
    char **words;             /* without quotes and redirections; NULL after the last one */
    size_t count;             /* at least 1: the last word is at the cursor, and may be empty */
    char *text;               /* of the words */
    bool rest_is_known;       /* no word before the last contains a variable */
    bool last_is_known;       /* the last word contains no variable and does not begin with "~" */
    bool is_target;           /* the last word is the file of a redirection */
    enum shell_quotes quotes; /* that are open at the end */
    size_t opened;            /* the offset after the quote that opened them */
};

/*
 * Splits `length` bytes of a line. Returns 0, or -1 without memory or if only bash can know what
 * the line means: it contains a substitution, or more than a simple command. In either case
 * shell_release() must be called.
 */
int shell_split(struct shell_line *line, const char *bytes, size_t length);
void shell_release(struct shell_line *line);

/* Does the text need no quotes, wherever it is? */
bool shell_is_plain(const char *text);

/* Does this byte take a backslash where these quotes are open? */
bool shell_takes_backslash(enum shell_quotes quotes, char byte);

/*
 * Quotes a text for a place where the quotes `open` are open; readline(3) will close them. Where
 * none are open, the text gets quotes of the kind `style`, or backslashes for SHELL_BARE. Before
 * the byte at offset `mark`, if there is one, it inserts a pair of quotes that changes nothing.
 * Returns a text to be freed, or NULL without memory.
 */
char *shell_quote(const char *text, enum shell_quotes open, enum shell_quotes style, size_t mark);

#endif
