#include "cli/output.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "protocol/utf8.h"

enum {
    OUTPUT_BUFFER = 128 * 1024, /* bytes that are gathered for stdout */
};

/* What is to go to stdout. stdio would lose some of it where stdout is non-blocking. */
static struct {
    char bytes[OUTPUT_BUFFER];
    size_t length;
    int error; /* errno of the write that has failed: nothing is written after it */
} output;

int output_write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(fd, bytes, length);
        if (wrote >= 0) {
            bytes += wrote;
            length -= (size_t)wrote;
        } else if (errno == EAGAIN) {
            struct pollfd polled = {.fd = fd, .events = POLLOUT};
            (void)poll(&polled, 1, -1);
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

/*
 * On a terminal, a name could change how what follows is shown: such characters become '?'. There is
 * no control character in a name. Returns the new length.
 */
static size_t hide_formats(char *bytes, size_t length)
{
    size_t written = 0;

    for (size_t i = 0; i < length;) {
        uint32_t character = 0;
        size_t size = utf8_decode(bytes + i, length - i, &character);
        bool is_format = size > 0 && utf8_is_format(character);
        size = size > 0 ? size : 1;
        if (is_format)
            bytes[written] = '?';
        else
            memmove(bytes + written, bytes + i, size);
        written += is_format ? 1 : size;
        i += size;
    }
    return written;
}

/* Writes what is pending. Returns 0, or -1 with errno set. */
static int write_pending(void)
{
    if (output.length > 0 && isatty(STDOUT_FILENO)) {
        console_clear();
        output.length = hide_formats(output.bytes, output.length);
    }
    if (output.error == 0 && output_write_all(STDOUT_FILENO, output.bytes, output.length) < 0)
        output.error = errno;
    output.length = 0;
    errno = output.error;
    return output.error == 0 ? 0 : -1;
}

int output_print_list(const char *format, va_list arguments)
{
    if (OUTPUT_BUFFER - output.length < OUTPUT_LONGEST && write_pending() < 0)
        return -REASON_LOCAL;
    int length = vsnprintf(output.bytes + output.length, OUTPUT_LONGEST, format, arguments);
    if (length > 0)
        output.length += (size_t)length < OUTPUT_LONGEST ? (size_t)length : OUTPUT_LONGEST - 1;
    return 0;
}

int output_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int code = output_print_list(format, arguments);
    va_end(arguments);
    return code;
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

int output_flush(struct failure *failure)
{
    if (write_pending() == 0)
        return 0;
    return errno == EPIPE ? fail_quietly(failure, REASON_LOCAL)
                          : fail_errno(failure, REASON_LOCAL, "standard output", "cannot write");
}
