/*
 * Options of a command line. Each program declares them in one table, by which its arguments are
 * parsed, its --help is printed and lines are completed. The parser is getopt_long(3), except that
 * names cannot be abbreviated.
 */
#ifndef SETTINGS_OPTION_PARSER_H
#define SETTINGS_OPTION_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "settings/fault.h"

enum {
    OPTIONS_MOST = 64, /* rows of a table */
};

#define OPTION_BIT(place) (UINT64_C(1) << (place))
#define OPTIONS_ALL       UINT64_MAX

/* A row of the table; the row after the last one has no name. */
struct option_row {
    const char *name;
    const char *value;      /* what help calls its value; NULL for an option without one */
    const char *help;       /* one line */
    char letter;            /* the short form; '\0' for none, as for one with an optional value */
    bool value_is_optional; /* a value can only be given as --name=VALUE */
    bool is_repeatable;     /* each time it is given counts, not only once */
    int kind;               /* of the value, as the program has it */
    const char *habits;     /* what other programs call it, e.g. "-r --archive"; NULL for none */
};

/* Arguments that are being parsed: one set at a time, because getopt(3) keeps its state in globals. */
struct option_parser {
    const struct option_row *rows;
    int argc;
    char **argv;
    uint64_t accepted;     /* bits of the rows that may be given; may change between two calls */
    const char *misplaced; /* what is wrong with the other rows' options; NULL: they are unknown */
    bool only_operands;    /* there was a "--" */
    size_t option;         /* the place of the last option in the table */
    char *text;            /* its value, or the operand; in argv, or "" */
    bool is_awaiting;      /* the last option needs a value, and nothing follows it */
};

enum option_parser_found {
    OPTION_PARSER_END,
    OPTION_PARSER_OPTION,
    OPTION_PARSER_OPERAND,
};

/* Begins with argv[1]. */
void option_parser_begin(struct option_parser *parser, const struct option_row *rows,
                         uint64_t accepted, int argc, char **argv);

/*
 * Parses the next argument, or the next letter of one. Options and operands come in any order, and
 * "--" ends the options. Returns what was found, or -REASON_USAGE with one sentence in the fault.
 */
int option_parser_next(struct option_parser *parser, struct fault *fault);

/*
 * Does the letter of this option mean this option? If two accepted options have the same letter, it
 * means the one that comes first in the table.
 */
bool option_has_letter(const struct option_row *rows, uint64_t accepted, size_t option);

/* A line of --help for each accepted option, to be freed; NULL when there is no memory. */
char *option_help(const struct option_row *rows, uint64_t accepted);

#endif
