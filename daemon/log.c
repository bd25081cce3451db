#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "protocol/utf8.h"

enum {
    LINE_ROOM = 2048,
    VALUE_ROOM = 1024, /* longer values are cut */
};

static bool use_syslog; /* set once, before there are sessions */

static const struct {
    const char *word;
    int priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
};

static void add(char line[LINE_ROOM], const char *key, const char *value)
{
    char clean[VALUE_ROOM];
    size_t used = strlen(line);
    size_t length = utf8_clean(value, strlen(value), clean, sizeof clean);
    bool quoted = length == 0 || strpbrk(clean, " \"=\\") != NULL;

    for (char *byte = clean; *byte != '\0'; byte++) {
        if (*byte == '"' || *byte == '\\')
            *byte = '\'';
    }
    (void)snprintf(line + used, LINE_ROOM - used, quoted ? "%s%s=\"%s\"" : "%s%s=%s",
                   used > 0 ? " " : "", key, clean);
}

void log_to_syslog(void)
{
    openlog("fsd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
    use_syslog = true;
}

void log_event(enum log_level level, const char *what, ...)
{
    char line[LINE_ROOM] = "";
    va_list pairs;
    const char *key = NULL;

    if (!use_syslog)
        add(line, "level", levels[level].word);
    add(line, "msg", what);
    va_start(pairs, what);
    while ((key = va_arg(pairs, const char *)) != NULL)
        add(line, key, va_arg(pairs, const char *));
    va_end(pairs);
    if (use_syslog)
        syslog(levels[level].priority, "%s", line);
    else
        (void)dprintf(STDERR_FILENO, "%s\n", line);
}
