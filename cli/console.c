#include "cli/console.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/failure.h"
#include "cli/output.h"
#include "protocol/utf8.h"

enum {
    PREFIX_ROOM = 32, /* bytes before the text of a line */
    SHOW_ROOM = 4096, /* bytes of all rows that are shown */
};

/* Clears all from the cursor on: ECMA-48, 8.3.39. */
#define CLEAR  "\033[J"
/* One line down in the same column, and so many up: 8.3.50 (IND), 8.3.22. */
#define DOWN   "\033D"
#define UP     "\033[%zuA"
/* Of xterm(1) and others: notes the cursor, and returns to it; lines end at the margin, or go on. */
#define NOTE   "\0337"
#define RETURN "\0338"
#define CUT    "\033[?7l"
#define WRAP   "\033[?7h"

/* Bold and red, and back: 8.3.117. */
#define RED   "\033[1;31m"
#define PLAIN "\033[0m"

const char *const console_color_words[CONSOLE_COLORS] = {"auto", "always", "never"};

static struct {
    enum console_level level;
    enum console_color color;
} console = {.level = CONSOLE_NORMAL};

/* Are rows of progress shown? For the handlers of signals, too. */
static volatile sig_atomic_t has_rows;

void console_set_level(enum console_level level)
{
    console.level = level;
}

void console_set_color(enum console_color color)
{
    console.color = color;
}

bool console_is_terminal(void)
{
    const char *type = getenv("TERM");

    return type != NULL && type[0] != '\0' && strcmp(type, "dumb") != 0 && isatty(STDERR_FILENO);
}

bool console_has_color(void)
{
    /* https://no-color.org: an empty value counts as not set. */
    const char *refused = getenv("NO_COLOR");

    if (console.color != CONSOLE_COLOR_AUTO)
        return console.color == CONSOLE_COLOR_ALWAYS;
    return (refused == NULL || refused[0] == '\0') && console_is_terminal();
}

bool console_is_verbose(void)
{
    return console.level == CONSOLE_VERBOSE;
}

/*
 * Takes the terminal for our rows (F_WRLCK), or gives it up. Is it ours? Of several fsc, as in a pipeline,
 * one shows its rows.
 */
static bool lock_terminal(short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

    return fcntl(STDERR_FILENO, F_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);
}

void console_forget_rows(void)
{
    if (has_rows)
        (void)lock_terminal(F_UNLCK);
    has_rows = 0;
}

void console_clear(void)
{
    if (has_rows)
        (void)!write(STDERR_FILENO, CLEAR, strlen(CLEAR));
    console_forget_rows();
}

static void print_line(const char *prefix, const char *text)
{
    char line[PREFIX_ROOM + FAILURE_ROOM];
    int length = snprintf(line, sizeof line, "%s%.*s\n", prefix, FAILURE_ROOM - 1, text);

    console_clear();
    /* stdio would lose it where the command of exec: has made stderr non-blocking. */
    (void)output_write_all(STDERR_FILENO, line, (size_t)length);
}

void console_print(const char *text)
{
    print_line(console_has_color() ? RED "fsc:" PLAIN " " : "fsc: ", text);
}

static void __attribute__((format(printf, 1, 0))) print_clean(const char *format, va_list arguments)
{
    char text[FAILURE_ROOM];
    char clean[FAILURE_ROOM];

    (void)vsnprintf(text, sizeof text, format, arguments);
    (void)utf8_clean(text, strlen(text), clean, sizeof clean);
    print_line("fsc: ", clean);
}

void console_say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (console.level >= CONSOLE_NORMAL)
        print_clean(format, arguments);
    va_end(arguments);
}

void console_note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (console.level >= CONSOLE_VERBOSE)
        print_clean(format, arguments);
    va_end(arguments);
}

void console_show(const char *rows)
{
    char text[SHOW_ROOM];
    size_t count = 1;
    size_t length = 0;

    if (!has_rows && !lock_terminal(F_WRLCK))
        return;
    for (const char *end = rows; (end = strchr(end, '\n')) != NULL; end++)
        count++;
    /*
     * The cursor stays where it is, above the rows. So what others write is not appended to a row, and
     * to clear the rows we need not know how a resize has changed them.
     */
    length += (size_t)snprintf(text, sizeof text, CLEAR);
    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, DOWN);
    length += (size_t)snprintf(text + length, sizeof text - length, UP NOTE CUT "\r\n", count);
    for (; *rows != '\0' && length < sizeof text - sizeof WRAP RETURN; rows++) {
        if (*rows == '\n')
            text[length++] = '\r';
        text[length++] = *rows;
    }
    length += (size_t)snprintf(text + length, sizeof text - length, WRAP RETURN);
    has_rows = 1;
    (void)output_write_all(STDERR_FILENO, text, length);
}
