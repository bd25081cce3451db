#include "cli/console.h"

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
};

/* To the start of the line, and clears it: ECMA-48, 8.3.15 and 8.3.41. */
#define CLEAR_LINE "\r\033[K"

/* Bold and red, and back: 8.3.117. */
#define RED   "\033[1;31m"
#define PLAIN "\033[0m"

const char *const console_color_words[CONSOLE_COLORS] = {"auto", "always", "never"};

static struct {
    enum console_level level;
    enum console_color color;
    bool has_line; /* a progress line is shown */
} console = {.level = CONSOLE_NORMAL};

void console_set_level(enum console_level level)
{
    console.level = level;
}

void console_set_color(enum console_color color)
{
    console.color = color;
}

bool console_has_color(void)
{
    /* https://no-color.org: an empty value counts as not set. */
    const char *refused = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");

    if (console.color != CONSOLE_COLOR_AUTO)
        return console.color == CONSOLE_COLOR_ALWAYS;
    return (refused == NULL || refused[0] == '\0') && terminal != NULL && terminal[0] != '\0' &&
           strcmp(terminal, "dumb") != 0 && isatty(STDERR_FILENO);
}

bool console_is_verbose(void)
{
    return console.level == CONSOLE_VERBOSE;
}

static void print_line(const char *prefix, const char *text)
{
    char line[PREFIX_ROOM + FAILURE_ROOM];
    int length = snprintf(line, sizeof line, "%s%s%.*s\n", console.has_line ? CLEAR_LINE : "",
                          prefix, FAILURE_ROOM - 1, text);

    /* stdio would lose it where the command of exec: has made stderr non-blocking. */
    (void)output_write_all(STDERR_FILENO, line, (size_t)length);
    console.has_line = false;
}

void console_print(const char *text)
{
    print_line(console_has_color() ? RED "fsc:" PLAIN " " : "fsc: ", text);
}

static void print_clean(const char *format, va_list arguments)
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

void console_show(const char *line)
{
    if (console.has_line)
        (void)output_write_all(STDERR_FILENO, CLEAR_LINE, strlen(CLEAR_LINE));
    (void)output_write_all(STDERR_FILENO, line, strlen(line));
    console.has_line = line[0] != '\0';
}
