/*
 * Lines and words as bash(1) has them: a line that is being typed is taken apart, and texts are
 * quoted so that bash reads them back, whatever is in them. Nothing is ever expanded.
 */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include <stdbool.h>
#include <stddef.h>

/* Which quotes are open at a place of a line. */
enum shell_quotes {
    SHELL_BARE,   /* none */
    SHELL_DOUBLE, /* "..." */
    SHELL_SINGLE, /* '...' */
    SHELL_ANSI,   /* $'...' */
};

/* A command up to the cursor, its words without their quotes; redirections are none of them. */
struct shell_line {
    char **words;       /* the last one is that at the cursor, and may be empty; NULL behind it */
    size_t count;       /* at least 1 */
    char *text;         /* of the words */
    bool rest_is_known; /* no word but the last holds a variable */
    bool last_is_known; /* nor does it, nor begins it with "~" */
    bool is_target;     /* the last one stands behind < or > */
    enum shell_quotes quotes; /* that are open at the end */
    size_t opened;            /* where they have been opened: the place behind the quote */
};

/*
 * Takes `length` bytes of a line apart. Returns 0; or -1 when there is no memory, or when this is
 * no simple command, of which it could be known what bash will make of it. Also then
 * shell_release() is to be called.
 */
int shell_split(struct shell_line *line, const char *bytes, size_t length);
void shell_release(struct shell_line *line);

/* Is this the same for bash wherever it stands, so that it needs no quotes? */
bool shell_is_plain(const char *text);

/* Does a backslash go in front of this byte, where those quotes are open? */
bool shell_takes_backslash(enum shell_quotes quotes, char byte);

/*
 * Quotes a text for a place where the quotes `open` are open, which readline(3) will close. Where
 * there are none it is put into quotes of `style`, or special bytes get a backslash. A pair of
 * quotes that changes nothing goes before the byte at `mark`, unless that is behind the end. The
 * result is to be freed; NULL without memory.
 */
char *shell_quote(const char *text, enum shell_quotes open, enum shell_quotes style, size_t mark);

#endif
