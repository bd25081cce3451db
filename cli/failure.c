#include "cli/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/console.h"
#include "protocol/utf8.h"

void failure_clear(struct failure *failure)
{
    failure->text[0] = '\0';
}

int fail(struct failure *failure, enum reason reason, const char *subject, const char *format, ...)
{
    char line[FAILURE_ROOM];
    va_list arguments;
    const char *shown = subject == NULL ? "" : subject[0] == '\0' ? "\"\"" : subject;
    int used = snprintf(line, sizeof line, "%.4000s%s", shown, subject != NULL ? ": " : "");

    va_start(arguments, format);
    (void)vsnprintf(line + used, sizeof line - (size_t)used, format, arguments);
    va_end(arguments);
    failure->what = utf8_clean(line, (size_t)used, failure->text, sizeof failure->text);
    (void)utf8_clean(line + used, strlen(line + used), failure->text + failure->what,
                     sizeof failure->text - failure->what);
    return -(int)reason;
}

int fail_errno(struct failure *failure, enum reason reason, const char *subject, const char *what)
{
    return fail(failure, reason, subject, "%s: %s", what, strerror(errno));
}

int fail_quietly(struct failure *failure, enum reason reason)
{
    failure->text[0] = '\0';
    return -(int)reason;
}

void failure_kind(const struct failure *failure, char *text, size_t room)
{
    size_t used = 0;

    for (const char *byte = failure->text + failure->what; *byte != '\0' && used + 4 < room;
         byte++) {
        const char *end = *byte == '"' ? strchr(byte + 1, '"') : NULL;
        if (end != NULL) {
            used = (size_t)(stpcpy(text + used, "...") - text);
            byte = end;
        } else {
            text[used++] = *byte;
        }
    }
    text[used] = '\0';
}

void failure_print(struct failure *failure)
{
    if (failure->text[0] != '\0')
        console_print(failure->text);
    failure->text[0] = '\0';
}
