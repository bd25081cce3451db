#include "cli/console.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/failure.h"
#include "cli/output.h"
#include "protocol/utf8.h"

enum {
    PREFIX_ROOM = 32, /* bytes before the text of a line */
};

/* To the start of the line, and clears it: ECMA-48, 8.3.15 and 8.3.41. */
#define CLEAR_LINE "\r\033[K"
#define UP         "\033[A"

/* Bold and red, and back: 8.3.117. */
#define RED   "\033[1;31m"
#define PLAIN "\033[0m"

const char *const console_color_words[CONSOLE_COLORS] = {"auto", "always", "never"};

static struct {
    enum console_level level;
    enum console_color color;
} console = {.level = CONSOLE_NORMAL};

/* The rows of progress that are shown, for the handlers of signals, too. */
static volatile sig_atomic_t row_count;

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

void console_clear(void)
{
    for (; row_count > 0; row_count--) {
        const char *text = row_count > 1 ? CLEAR_LINE UP : CLEAR_LINE;
        (void)!write(STDERR_FILENO, text, strlen(text));
    }
}

void console_forget_rows(void)
{
    row_count = 0;
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
    static int columns; /* of the terminal, when they were shown */
    struct winsize size = {.ws_col = 0};

    (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    /* A terminal that became narrower has broken each row. */
    if (size.ws_col > 0 && size.ws_col < columns)
        row_count *= 1 + (columns - 1) / size.ws_col;
    columns = size.ws_col;
    console_clear();
    (void)output_write_all(STDERR_FILENO, rows, strlen(rows));
    row_count = rows[0] != '\0';
    for (const char *end = rows; (end = strchr(end, '\n')) != NULL; end++)
        row_count++;
}
