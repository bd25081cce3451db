#include "cli/operands.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LIST_BUFFER = 64 * 1024, /* bytes; a line must fit */
};

static int fail_line(struct operands *operands, const char *what)
{
    char subject[PATH_MAX + 32];

    (void)snprintf(subject, sizeof subject, "%s: line %zu", operands->list, operands->line);
    return fail(&operands->failure, REASON_USAGE, subject, "%s", what);
}

/* The list cannot be read: there are no more operands. */
static int fail_list(struct operands *operands)
{
    operands->ended = true;
    operands->start = operands->end = 0;
    return fail_errno(&operands->failure, REASON_LOCAL, operands->list, "cannot read");
}

/* Reads more of the list, after what is in the buffer. */
static int read_more(struct operands *operands)
{
    size_t left = operands->end - operands->start;

    memmove(operands->buffer, operands->buffer + operands->start, left);
    operands->start = 0;
    operands->end = left;
    if (left == LIST_BUFFER) {
        /* The rest of this line would be taken for a line of its own. */
        operands->ended = true;
        operands->start = operands->end = 0;
        operands->line++;
        return fail_line(operands, "is too long; the rest of the list is not read");
    }
    ssize_t got = read(operands->fd, operands->buffer + left, LIST_BUFFER - left);
    if (got > 0)
        operands->end += (size_t)got;
    if (got == 0)
        operands->ended = true;
    if (got < 0 && errno == EAGAIN) {
        struct pollfd polled = {.fd = operands->fd, .events = POLLIN};
        (void)poll(&polled, 1, -1);
    } else if (got < 0 && errno != EINTR) {
        return fail_list(operands);
    }
    return 0;
}

/* The end of the next line in the buffer; NULL if it has not come yet. */
static char *find_end(const struct operands *operands)
{
    char separator = options_have(operands->options, OPTION_NULL) ? '\0' : '\n';

    return memchr(operands->buffer + operands->start, separator, operands->end - operands->start);
}

void operands_open(struct operands *operands, const struct options *options)
{
    const char *list = options->values[OPTION_FILES_FROM];

    *operands = (struct operands){.options = options, .fd = -1};
    if (list == NULL)
        return;
    bool is_stdin = strcmp(list, "-") == 0;
    operands->list = is_stdin ? "standard input" : list;
    operands->fd = is_stdin ? STDIN_FILENO : open(list, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    operands->buffer = malloc(LIST_BUFFER + 1);
    if (operands->fd < 0 || operands->buffer == NULL)
        operands->code = fail_list(operands);
}

void operands_close(struct operands *operands)
{
    if (operands->fd > STDIN_FILENO)
        (void)close(operands->fd);
    free(operands->buffer);
    *operands = (struct operands){.fd = -1};
}

int operands_next(struct operands *operands, const char **ret)
{
    const struct options *options = operands->options;
    char *end = NULL;
    int before = operands->code;

    if (operands->list == NULL) {
        if (operands->next == options->operand_count)
            return 0;
        *ret = options->operands[operands->next++];
        return 1;
    }

    operands->code = 0;
    if (before < 0)
        return before;
    if (operands->ended && operands->start == operands->end)
        return 0;
    while ((end = find_end(operands)) == NULL && !operands->ended) {
        int code = read_more(operands);
        if (code < 0)
            return code;
    }
    if (end == NULL && operands->start == operands->end)
        return 0;
    /* The last line may have no end: the buffer has room for it. */
    if (end == NULL)
        end = operands->buffer + operands->end++;
    char *line = operands->buffer + operands->start;
    size_t length = (size_t)(end - line);
    *end = '\0';
    operands->start += length + 1;
    operands->line++;
    if (strlen(line) < length)
        return fail_line(operands, "contains a NUL (use -0 for a list of NUL-terminated names)");
    if (length == 0)
        return fail_line(operands, "is empty");
    /* No name has one, and hardly a file: Windows writes it. */
    if (line[length - 1] == '\r' && !options_have(options, OPTION_NULL))
        return fail_line(operands, "ends with a carriage return (use tr -d '\\r' to remove it)");
    *ret = line;
    return 1;
}

bool operands_would_wait(struct operands *operands)
{
    struct pollfd polled = {.fd = operands->fd, .events = POLLIN};

    while (operands->list != NULL && !operands->ended && find_end(operands) == NULL) {
        if (poll(&polled, 1, 0) == 0)
            return true;
        operands->code = read_more(operands);
        if (operands->code < 0)
            return false;
    }
    return false;
}
