/*
 * Lines: fields with one space between. A field with a bare '=' is an option, key=value; the
 * others are positional. fsd-protocol(7), "Lines", has the rules.
 */
#ifndef PROTOCOL_LINE_H
#define PROTOCOL_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/reason.h"

enum {
    LINE_LONGEST = 4096,            /* bytes of a line with its end */
    LINE_FIELDS = LINE_LONGEST / 2, /* no line can have more */
    LINE_ECHO_ROOM = 68,            /* bytes of an echoed field, with its NUL */
    LINE_KEY_LONGEST = 16,          /* letters of an option's key */
};

/* A decoded field. Its bytes are followed by a NUL, and may hold one. */
struct field {
    const char *key; /* NULL for a positional; else NUL-terminated */
    const char *bytes;
    size_t length;
};

/* A parsed line; it owns all of its text. */
struct line {
    size_t count;
    struct field fields[LINE_FIELDS];
    char text[LINE_LONGEST + 1];
};

/*
 * Takes `length` bytes, a line without its end, apart. Returns 0, or -REASON_BAD_REQUEST for every
 * fault of grammar.
 */
int line_parse(struct line *line, const char *bytes, size_t length);

/* The option of that key; NULL when the line has none. */
const struct field *line_option(const struct line *line, const char *key);

/* Does the line begin with `count` positionals, and have no more? */
bool line_has_positionals(const struct line *line, size_t count);

/*
 * Writes bytes as a field: those of 00-20, 25, 3D and 7F as %XX. `text` has room for 3 * length + 1
 * bytes. Returns the length written, without the NUL.
 */
size_t line_escape(const char *bytes, size_t length, char *text);

/*
 * Writes what somebody else sent so that it may be shown: escaped as in a field, C1 and invalid
 * UTF-8 as '?', and cut to 64 bytes, "..." behind it where it was cut. Returns `text`.
 */
const char *line_echo(const char *bytes, size_t length, char text[LINE_ECHO_ROOM]);

#endif
