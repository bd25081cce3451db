#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "protocol/utf8.h"

enum {
    LINE_ROOM = 2048,
    VALUE_ROOM = 1024, /* longer values are cut */
};

/* All set at the start, before there are sessions; the level also by a reload. */
static bool use_syslog;
static bool is_journal; /* stderr is the journal of systemd */
static enum log_level most = LOG_LEVEL_INFO;

const char *const log_level_words[] = {
    [LOG_LEVEL_CRITICAL] = "critical", [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",         [LOG_LEVEL_DEBUG] = "debug", NULL};

static const int priorities[] = {
    [LOG_LEVEL_CRITICAL] = LOG_CRIT,   [LOG_LEVEL_ERROR] = LOG_ERR,
    [LOG_LEVEL_WARNING] = LOG_WARNING, [LOG_LEVEL_INFO] = LOG_INFO,
    [LOG_LEVEL_DEBUG] = LOG_DEBUG,
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

void log_after_fork(void)
{
    if (!use_syslog)
        return;
    closelog();
    log_to_syslog();
}

void log_look_for_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char text[64];

    if (stream == NULL || fstat(STDERR_FILENO, &status) < 0)
        return;
    (void)snprintf(text, sizeof text, "%llu:%llu", (unsigned long long)status.st_dev,
                   (unsigned long long)status.st_ino);
    is_journal = strcmp(text, stream) == 0;
}

void log_set_level(enum log_level level)
{
    most = level;
}

void log_event(enum log_level level, const char *what, ...)
{
    char line[LINE_ROOM] = "";
    char text[LINE_ROOM + 8];
    va_list pairs;
    const char *key = NULL;

    if (level > most)
        return;
    if (!use_syslog && !is_journal)
        add(line, "level", log_level_words[level]);
    add(line, "msg", what);
    va_start(pairs, what);
    while ((key = va_arg(pairs, const char *)) != NULL)
        add(line, key, va_arg(pairs, const char *));
    va_end(pairs);
    if (use_syslog) {
        syslog(priorities[level], "%s", line);
        return;
    }
    /* In one write, so that lines of several processes do not mix. */
    int length = is_journal ? snprintf(text, sizeof text, "<%d>%s\n", priorities[level], line)
                            : snprintf(text, sizeof text, "%s\n", line);
    (void)!write(STDERR_FILENO, text, (size_t)length);
}
