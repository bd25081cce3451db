/*
 * The console: what fsc writes to stderr. Failures, notes and the progress line go through here, so
 * that they are never mixed.
 */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <stdbool.h>

enum console_level {
    CONSOLE_QUIET,   /* failures only: -q */
    CONSOLE_NORMAL,  /* and what was skipped or not done */
    CONSOLE_VERBOSE, /* and what was done: -v */
};

void console_set_level(enum console_level level);

/* Are notes printed? */
bool console_is_verbose(void);

/* Prints a line after "fsc: ", whatever the level. It is printed as it is, in one piece. */
void console_print(const char *line);

/* The same unless -q is given, or only with -v. The line is printed as utf8_clean() has it. */
void console_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void console_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Shows a line of a terminal, without its newline, in place of the one that is shown; "" shows none.
 * What else is printed takes it away first.
 */
void console_show(const char *line);

#endif
