/*
 * Invocations: one call of fsc, its operands one after the other, and the report of each.
 */
#ifndef COMMANDS_INVOCATION_H
#define COMMANDS_INVOCATION_H

#include "cli/child.h"
#include "cli/connection.h"
#include "cli/failure.h"
#include "cli/options.h"
#include "cli/settings.h"

enum {
    KINDS_MOST = 16,      /* of failures that are counted */
    KIND_ROOM = 256,      /* bytes of one, with its NUL */
    KIND_LINES_MOST = 10, /* lines that are printed of one kind */
};

/* Failures that differ only in the names. */
struct failures {
    char kind[KIND_ROOM]; /* empty: none */
    size_t count;
};

/* A call of fsc: its command line, and what its command needs. */
struct invocation {
    const struct options *options;
    struct settings settings;
    struct connection connection;
    struct failure *failure; /* of the operand at hand, or of the whole command */
    struct failure last;     /* the one that was reported last */
    int first;               /* 0, or the first reason that was reported: it gives the exit code */
    bool is_unread;          /* the reader of what was fetched to standard output is gone */
    struct failures failures[KINDS_MOST];
    void *state; /* of the command */
};

/* Is this option given? */
bool invocation_has(const struct invocation *invocation, enum option option);

/*
 * Skips the "/" and "./" with which people begin a name who think of paths. "/" and ".", the whole
 * library, become "".
 */
const char *invocation_bare_name(const char *name);

/* Is nothing else to be tried: no server, no reader, or a failure with --fail-fast? */
bool invocation_is_over(const struct invocation *invocation);

/* Checks `length` bytes of an operand as a name. Returns 0 or -REASON_USAGE. */
int invocation_check_name(struct invocation *invocation, const char *operand, size_t length);

/* The same for a folder, which may end in "/". */
int invocation_check_folder(struct invocation *invocation, const char *operand);

/*
 * Reports the result of an operand, or of one of its files: prints the line of a failure, unless that
 * is done already or there were many of its kind, and notes the first one. Returns `code`.
 */
int invocation_report(struct invocation *invocation, int code);

/* The result for a file of the library, as --json prints it. */
struct report {
    const char *name;
    const char *local;         /* its local file; NULL: there is none */
    const char *done;          /* e.g. "stored" */
    int64_t size;              /* of the whole file; -1: not known */
    const char *digest;        /* empty or NULL: not known */
    const char *why;           /* of "skipped"; NULL: not skipped */
    const struct child *child; /* its command, if it has ended by itself; NULL: there is none */
    int64_t began_ms;          /* of clock_ms(): when it was begun; 0: not known */
};

/* As invocation_report(); with --json prints a line on stdout, too, and with -v one about a success. */
int invocation_report_file(struct invocation *invocation, int code, const struct report *report);

/*
 * Prints what would be done with a file, and its name, for --dry-run; not with --json, which has a
 * report. Returns 0, or -REASON_LOCAL without a line.
 */
int invocation_print_plan(struct invocation *invocation, const char *plan, const char *name);

/*
 * Runs the command for one operand. If that has several files, reports each of them. Returns 0 or a
 * reason.
 */
typedef int invocation_action(struct invocation *invocation, const char *operand);

/* Takes --limit-rate, if it is given. Returns 0 or -REASON_USAGE. */
int invocation_limit_rate(struct invocation *invocation);

/* Runs a check for each operand of the command line. Returns 0 or the first failure. */
int invocation_check_each(struct invocation *invocation, invocation_action *check);

/* Finishes and reports what actions have begun. */
typedef void invocation_settle(struct invocation *invocation);

/*
 * Runs an action for each operand of the command line or of --files-from, and reports it. All are
 * tried, unless the server cannot be reached. Before it waits for more operands, and at the end, it
 * calls `settle` (which may be NULL), writes what was printed, and says how many failures had no
 * line. Returns 0 or the first failure.
 */
int invocation_run_each(struct invocation *invocation, invocation_action *run,
                        invocation_settle *settle);

/* The same for a command without operands: the action gets NULL. */
int invocation_run_once(struct invocation *invocation, invocation_action *run);

#endif
