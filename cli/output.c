#include "cli/output.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/failure.h"
#include "protocol/utf8.h"

enum {
    OUTPUT_BUFFER = 128 * 1024, /* bytes that are gathered for stdout */
};

/* What is to go to stdout. stdio would lose some of it where stdout is non-blocking. */
static struct {
    char bytes[OUTPUT_BUFFER];
    size_t length;
    bool failed;
} output;

static struct failure last_complaint;
static bool holds_complaints;
static bool has_held;

int complain(enum reason reason, const char *subject, const char *format, ...)
{
    char text[FAILURE_ROOM];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)fail(&last_complaint, reason, subject, "%s", text);
    if (holds_complaints)
        has_held = true;
    else
        failure_print(&last_complaint);
    return -(int)reason;
}

void complaint_hold(void)
{
    holds_complaints = true;
    has_held = false;
}

void complaint_release(bool is_told)
{
    if (holds_complaints && has_held && is_told)
        failure_print(&last_complaint);
    holds_complaints = false;
}

const char *complaint_last(void)
{
    return last_complaint.text;
}

int complain_errno(enum reason reason, const char *subject, const char *what)
{
    return complain(reason, subject, "%s: %s", what, strerror(errno));
}

int output_print(const char *format, ...)
{
    va_list arguments;

    if (OUTPUT_BUFFER - output.length < OUTPUT_LONGEST && output_flush() < 0)
        return -REASON_LOCAL;
    va_start(arguments, format);
    int length = vsnprintf(output.bytes + output.length, OUTPUT_LONGEST, format, arguments);
    va_end(arguments);
    if (length > 0)
        output.length += (size_t)length < OUTPUT_LONGEST ? (size_t)length : OUTPUT_LONGEST - 1;
    return 0;
}

int output_text(const char *text)
{
    int code = 0;

    while (code == 0 && *text != '\0') {
        size_t length = strnlen(text, OUTPUT_LONGEST - 1);
        code = output_print("%.*s", (int)length, text);
        text += length;
    }
    return code;
}

int output_print_field(const char *key, const char *gap, const char *value)
{
    char clean[OUTPUT_LONGEST / 2];

    (void)utf8_clean(value, strlen(value), clean, sizeof clean);
    return output_print("%s%s%s\n", key, gap, clean);
}

int output_flush(void)
{
    size_t length = output.length;

    output.length = 0;
    if (output.failed)
        return -REASON_LOCAL;
    if (output_write_all(STDOUT_FILENO, output.bytes, length) == 0)
        return 0;
    output.failed = true;
    return errno == EPIPE ? -REASON_LOCAL
                          : complain_errno(REASON_LOCAL, "standard output", "cannot write");
}

int output_write_all(int fd, const char *bytes, size_t length)
{
    size_t written = 0;

    while (written < length) {
        ssize_t wrote = write(fd, bytes + written, length - written);
        if (wrote >= 0) {
            written += (size_t)wrote;
        } else if (errno == EAGAIN) {
            struct pollfd polled = {.fd = fd, .events = POLLOUT};
            (void)poll(&polled, 1, -1);
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}
