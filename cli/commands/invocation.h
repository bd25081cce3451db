/*
 * Invocations: one call of fsc, its operands one after the other, and the report of each.
 */
#ifndef COMMANDS_INVOCATION_H
#define COMMANDS_INVOCATION_H

#include "cli/connection.h"
#include "cli/failure.h"
#include "cli/options.h"
#include "cli/settings.h"

/* A call of fsc, taken apart. */
struct invocation {
    const struct options *options;
    struct settings settings;
    struct connection connection;
    struct failure *failure; /* of the operand at hand, or of the whole command */
    int first;               /* 0, or the first reason that was reported: it gives the exit code */
    void *state;             /* of the command */
};

/* Is this option given? */
bool invocation_has(const struct invocation *invocation, enum option option);

/* Checks `length` bytes of an operand as a name. Returns 0 or -REASON_USAGE. */
int invocation_check_name(struct invocation *invocation, const char *operand, size_t length);

/*
 * Reports how an operand, or a file that it led to, has ended: prints the line of a failure, unless
 * it is printed already. Returns `code`.
 */
int invocation_report(struct invocation *invocation, int code);

/* What was done to a file of the library, for --json. */
struct report {
    const char *name;
    const char *local;  /* the file that it came from or went to; NULL: there is none */
    const char *done;   /* e.g. "stored" */
    int64_t size;       /* of the whole file; -1: not known */
    const char *digest; /* empty or NULL: not known */
};

/* As invocation_report(); with --json prints a line on stdout, too. */
int invocation_report_file(struct invocation *invocation, int code, const struct report *report);

/*
 * Does something with one operand, and reports each of several files that it leads to. Returns 0 or
 * a reason.
 */
typedef int invocation_action(struct invocation *invocation, const char *operand);

/* Ends, and reports, what actions have left open. */
typedef void invocation_settle(struct invocation *invocation);

/*
 * Runs an action for each operand of the command line or of --files-from, and reports it. All are
 * tried, unless the server cannot be reached. What was printed goes out, and `settle` (which may be
 * NULL) is called, before there is a wait for more operands, and at the end. Returns 0 or the first
 * failure.
 */
int invocation_run_each(struct invocation *invocation, invocation_action *run,
                        invocation_settle *settle);

/* The same with one call of the action, without an operand: NULL. */
int invocation_run_once(struct invocation *invocation, invocation_action *run);

#endif
