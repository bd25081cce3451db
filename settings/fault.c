#include "settings/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/reason.h"
#include "protocol/utf8.h"

int fault_refuse(struct fault *fault, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    return -REASON_USAGE;
}

const char *fault_print(const struct fault *fault, char line[FAULT_LINE_ROOM])
{
    char number[16] = "";
    char raw[FAULT_LINE_ROOM];

    if (fault->line > 0)
        (void)snprintf(number, sizeof number, ":%u", fault->line);
    (void)snprintf(raw, sizeof raw, "%.800s%s%s%s%s%s", fault->file != NULL ? fault->file : "",
                   number, fault->file != NULL ? ": " : "", fault->name,
                   fault->name[0] != '\0' ? ": " : "", fault->text);
    (void)utf8_clean(raw, strlen(raw), line, FAULT_LINE_ROOM);
    return line;
}
