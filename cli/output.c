#include "cli/output.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/utf8.h"

enum {
    LINE_ROOM = 8192,
};

int complain(enum reason reason, const char *subject, const char *format, ...)
{
    char line[LINE_ROOM];
    char clean[LINE_ROOM];
    va_list arguments;
    int used = snprintf(line, sizeof line, "fsc: %.4000s%s", subject != NULL ? subject : "",
                        subject != NULL ? ": " : "");

    va_start(arguments, format);
    (void)vsnprintf(line + used, sizeof line - (size_t)used, format, arguments);
    va_end(arguments);
    (void)utf8_clean(line, strlen(line), clean, sizeof clean);
    (void)fprintf(stderr, "%s\n", clean);
    return -(int)reason;
}

int complain_errno(enum reason reason, const char *subject, const char *what)
{
    return complain(reason, subject, "%s: %s", what, strerror(errno));
}

int output_flush(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    if (errno == EPIPE)
        return -REASON_LOCAL;
    return errno != 0 ? complain_errno(REASON_LOCAL, "standard output", "cannot write")
                      : complain(REASON_LOCAL, "standard output", "cannot write");
}

int output_has_failed(void)
{
    return ferror(stdout);
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
