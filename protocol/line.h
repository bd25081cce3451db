/*
 * Lines of the protocol: fields separated by single spaces. A field with a bare '=' is an option,
 * key=value; the others are positional. fsd-protocol(7), "Lines", has the rules.
 */
#ifndef PROTOCOL_LINE_H
#define PROTOCOL_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/reason.h"

enum {
    LINE_LONGEST = 4096,            /* bytes of a line with its end */
    LINE_FIELDS = LINE_LONGEST / 2, /* no line can have more */
    LINE_ECHO_ROOM = 68,            /* bytes that line_echo() writes, with the NUL */
    LINE_KEY_LONGEST = 16,          /* letters of an option's key */
};

/* A decoded field. A NUL follows its bytes, which may contain another. */
struct field {
    const char *key; /* NULL for a positional; else NUL-terminated */
    const char *bytes;
    size_t length;
};

/* A parsed line. The bytes of its fields are in `text`. */
struct line {
    size_t count;
    struct field fields[LINE_FIELDS];
    char text[LINE_LONGEST + 1];
};

/*
 * Parses `length` bytes, a line without its end. Returns 0, or -REASON_BAD_REQUEST when it breaks
 * the grammar.
 */
int line_parse(struct line *line, const char *bytes, size_t length);

/*
 * Parses one field of a line. `text` must have room for length + 1 bytes, and keeps the bytes of
 * the field. Returns how many it used, or -1 when the field breaks the grammar.
 */
int line_parse_field(const char *bytes, size_t length, char *text, struct field *ret);

/* The option with that key, or NULL. */
const struct field *line_option(const struct line *line, const char *key);

/* Does the line begin with exactly `count` positionals, followed by nothing but options? */
bool line_has_positionals(const struct line *line, size_t count);

/*
 * Writes bytes as a field: 00 to 20, 25, 3D and 7F become %XX. `text` must have room for
 * 3 * length + 1 bytes. Returns the length written, without the NUL.
 */
size_t line_escape(const char *bytes, size_t length, char *text);

/*
 * Writes bytes that somebody else sent in a form that is safe to show: escaped as in a field, with
 * '?' for C1 and invalid UTF-8, and cut after 64 bytes, with "..." where it was cut. Returns
 * `text`.
 */
const char *line_echo(const char *bytes, size_t length, char text[LINE_ECHO_ROOM]);

#endif
