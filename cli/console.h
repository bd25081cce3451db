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

enum console_color {
    CONSOLE_COLOR_AUTO, /* only on a terminal, unless NO_COLOR is set */
    CONSOLE_COLOR_ALWAYS,
    CONSOLE_COLOR_NEVER,
    CONSOLE_COLORS
};

/* What --color calls them. */
extern const char *const console_color_words[CONSOLE_COLORS];

void console_set_level(enum console_level level);
void console_set_color(enum console_color color);

/* Is it a terminal that can move its cursor? */
bool console_is_terminal(void);

/* Is what is written to be coloured? */
bool console_has_color(void);

/* Are notes printed? */
bool console_is_verbose(void);

/* Prints the line of a failure after "fsc: ", whatever the level, as it is and in one piece. */
void console_print(const char *text);

/* The same unless -q is given, or only with -v. The line is printed as utf8_clean() has it. */
void console_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void console_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Shows rows of a terminal, with a newline between them, in place of those that are shown, unless another
 * process shows some there. They are below the cursor, and what else is printed takes them away first.
 */
void console_show(const char *rows);

/* For handlers of signals: takes away what is shown, or forgets it where something else was shown since. */
void console_clear(void);
void console_forget_rows(void);

#endif
