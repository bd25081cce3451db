/*
 * CHECK: the one word of the unit tests. A test says nothing when all is well.
 */
#ifndef UNIT_CHECK_H
#define UNIT_CHECK_H

#include <stdio.h>
#include <stdlib.h>

static inline _Noreturn void check_fail(const char *file, int line, const char *expression)
{
    (void)fprintf(stderr, "%s:%d: %s\n", file, line, expression);
    exit(EXIT_FAILURE);
}

#define CHECK(expression)                                \
    do {                                                 \
        if (!(expression))                               \
            check_fail(__FILE__, __LINE__, #expression); \
    } while (0)

/* The number of elements of an array. */
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#endif
