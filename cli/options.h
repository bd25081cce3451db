/*
 * Options of fsc: their table, and what one command line gives of them.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/failure.h"
#include "protocol/digest.h"
#include "settings/option_parser.h"

enum option {
    /* Of some commands. */
    OPTION_NAME,
    OPTION_FROM_COMMAND,
    OPTION_TO_COMMAND,
    OPTION_FOLDER,
    OPTION_OUTPUT,
    OPTION_INTO,
    OPTION_FORCE,
    OPTION_LONG,
    OPTION_RECURSIVE,
    OPTION_UNSORTED,
    OPTION_MATCH,
    OPTION_HUMAN,
    OPTION_LOCAL,
    OPTION_BY_TIME,
    OPTION_LARGEST,
    OPTION_REVERSE,
    OPTION_SUMS,
    OPTION_FAIL_EMPTY,
    OPTION_JSON,
    OPTION_NULL,
    OPTION_FILES_FROM,
    OPTION_EXISTING,
    OPTION_NUMBER,
    OPTION_RETRY,
    OPTION_RESUME,
    OPTION_LIMIT_RATE,
    OPTION_SHA256,
    OPTION_SIZE,
    OPTION_MIN_SIZE,
    OPTION_ALLOW_EMPTY,
    OPTION_SPOOL,
    OPTION_FAIL_FAST,
    OPTION_RETRY_MAX_TIME,
    OPTION_REPLACE,
    OPTION_WAIT,
    OPTION_MISSING_OK,
    OPTION_OLDER_THAN,
    OPTION_NEWER_THAN,
    OPTION_LARGER_THAN,
    OPTION_SMALLER_THAN,
    OPTION_NEWEST,
    OPTION_KEEP,
    OPTION_DRY_RUN,
    OPTION_PROGRESS,
    OPTION_NO_PROGRESS,
    OPTION_EXCLUSIVE,
    OPTION_IF_SAME,
    OPTION_EXCLUDE,
    OPTION_INCLUDE,
    OPTION_LINKS,
    OPTION_SPECIALS,
    OPTION_ACCEPT,
    OPTION_LIST,
    OPTION_REMOVE,
    /* Of every command; they may also come before it. */
    OPTION_SERVER,
    OPTION_IDENTITY,
    OPTION_CONNECT_TIMEOUT,
    OPTION_MAX_TIME,
    OPTION_CONFIG,
    OPTION_VERBOSE,
    OPTION_QUIET,
    OPTION_COLOR,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_COUNT
};

/* What the value of an option or an operand of a command is. */
enum value {
    VALUE_NONE, /* there is none */
    VALUE_ADDRESS,
    VALUE_HOST, /* a server on the network */
    VALUE_TIME,
    VALUE_AGE,
    VALUE_SIZE,
    VALUE_FILE,     /* a local one */
    VALUE_DIR,      /* a local folder */
    VALUE_NAME,     /* of a file or folder in the library */
    VALUE_NEW_NAME, /* one that nothing has yet */
    VALUE_FOLDER,   /* one in the library */
    VALUE_PATTERN,
    VALUE_COUNT,
    VALUE_SUM, /* of SHA-256, in hexadecimal */
    VALUE_DIGEST,
    VALUE_LINKS,    /* what to do with symbolic links */
    VALUE_SPECIALS, /* what to do with special files */
    VALUE_COLOR,    /* when to use it */
    VALUE_TOPIC,    /* of help */
};

/* That of an enum option is at its place; the kind of a row is an enum value. */
extern const struct option_row option_rows[OPTION_COUNT + 1];

#define OPTIONS_GLOBAL                                                                   \
    (OPTION_BIT(OPTION_SERVER) | OPTION_BIT(OPTION_IDENTITY) |                           \
     OPTION_BIT(OPTION_CONNECT_TIMEOUT) | OPTION_BIT(OPTION_MAX_TIME) |                  \
     OPTION_BIT(OPTION_CONFIG) | OPTION_BIT(OPTION_VERBOSE) | OPTION_BIT(OPTION_QUIET) | \
     OPTION_BIT(OPTION_COLOR) | OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_VERSION))

/* An option that may be given several times, and one of its values. */
struct repeated_option {
    enum option option;
    const char *value;
};

/* A parsed command line, for options_free(). The texts are those of argv. */
struct options {
    /* NULL: not given; "" for one without a value; the last one of those that can be repeated. */
    const char *values[OPTION_COUNT];
    struct repeated_option *repeated; /* all of these, in their order */
    size_t repeated_count;
    const char *command; /* NULL when there is none */
    char **operands;
    size_t operand_count;
    bool only_operands;   /* there was a "--" */
    size_t dashes;        /* how many operands come before it */
    enum option awaiting; /* the option whose value is missing at the end; OPTION_COUNT for none */
};

/* The option of that name; OPTION_COUNT for none. */
enum option options_find(const char *name, size_t length);

/*
 * Which options does the command of that word take, as bits? Called once, when the word is found.
 */
typedef uint64_t options_of_command(const char *word);

/*
 * Parses argv: options that every command has, the command, and after it its options and operands
 * in any order. Returns 0, or -REASON_USAGE with a failure.
 */
int options_parse(struct options *options, int argc, char **argv, options_of_command *accepted,
                  struct failure *failure);

void options_free(struct options *options);

/* Is this option given? */
bool options_have(const struct options *options, enum option option);

/* Refuses pairs of options that exclude each other. Returns 0, or -REASON_USAGE for a pair given. */
int options_exclude(const struct options *options, const enum option pairs[][2], size_t count,
                    struct failure *failure);

/*
 * The digest that an option gives as 64 hexadecimal digits, in either case; empty when the option is
 * not given. Returns 0, or -REASON_USAGE.
 */
int options_digest(const struct options *options, enum option option, char ret_digest[DIGEST_ROOM],
                   struct failure *failure);

/*
 * The TIME that an option gives, in milliseconds: a bare number is seconds. Returns 0, and leaves
 * `ret_ms` unchanged when no value is given; or -REASON_USAGE.
 */
int options_time(const struct options *options, enum option option, int64_t *ret_ms,
                 struct failure *failure);

/*
 * The SIZE that an option gives, in bytes: a number, or one with a unit. Returns 0, and leaves
 * `ret_bytes` unchanged when the option is not given; or -REASON_USAGE.
 */
int options_size(const struct options *options, enum option option, int64_t *ret_bytes,
                 struct failure *failure);

/*
 * The count that an option gives, from 1 on. Returns 0, and leaves `ret` unchanged when the option is
 * not given; or -REASON_USAGE.
 */
int options_count(const struct options *options, enum option option, int64_t *ret,
                  struct failure *failure);

/*
 * The age that an option gives, in seconds: a number with a unit. Returns 0, and leaves `ret_seconds`
 * unchanged when the option is not given; or -REASON_USAGE.
 */
int options_age(const struct options *options, enum option option, int64_t *ret_seconds,
                struct failure *failure);

#endif
