/*
 * Operands: those of the command line, or the lines of a list (--files-from), which may still be
 * written while it is read.
 */
#ifndef CLI_OPERANDS_H
#define CLI_OPERANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/failure.h"
#include "cli/options.h"

struct operands {
    const struct options *options;
    size_t next;      /* operand of the command line */
    const char *list; /* the name of the list in messages; NULL: there is none */
    int fd;
    char *buffer;
    size_t start, end; /* what is in the buffer and not yet returned */
    size_t line;       /* its number in the list */
    bool ended;
    int code;               /* a failure that operands_next() is still to return; 0: none */
    struct failure failure; /* what is wrong with the list */
};

/* Opens the list, if there is one. If it cannot be read, operands_next() says so. */
void operands_open(struct operands *operands, const struct options *options);
void operands_close(struct operands *operands);

/*
 * Gets the next operand, which stays until the next call. Returns 1, 0 after the last one, or a
 * reason with `failure` if a line, or the list, cannot be used; then it may be called again.
 */
int operands_next(struct operands *operands, const char **ret);

/*
 * Would operands_next() have to wait for more of the list? Reads what has come of it, so the last
 * operand is no longer valid.
 */
bool operands_would_wait(struct operands *operands);

#endif
