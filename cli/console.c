#include "cli/console.h"

#include <stdarg.h>
#include <stdio.h>
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

static struct {
    enum console_level level;
    bool has_line; /* a progress line is shown */
} console = {.level = CONSOLE_NORMAL};

void console_set_level(enum console_level level)
{
    console.level = level;
}

bool console_is_verbose(void)
{
    return console.level == CONSOLE_VERBOSE;
}

void console_print(const char *text)
{
    char line[PREFIX_ROOM + FAILURE_ROOM];
    int length = snprintf(line, sizeof line, "%sfsc: %.*s\n", console.has_line ? CLEAR_LINE : "",
                          FAILURE_ROOM - 1, text);

    /* stdio would lose it where the command of exec: has made stderr non-blocking. */
    (void)output_write_all(STDERR_FILENO, line, (size_t)length);
    console.has_line = false;
}

static void print_clean(const char *format, va_list arguments)
{
    char text[FAILURE_ROOM];
    char clean[FAILURE_ROOM];

    (void)vsnprintf(text, sizeof text, format, arguments);
    (void)utf8_clean(text, strlen(text), clean, sizeof clean);
    console_print(clean);
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
