/*
 * Rows of progress: numbers and a name as one row of a terminal. Pure functions.
 */
#ifndef CLI_PROGRESS_ROW_H
#define CLI_PROGRESS_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROGRESS_COLUMNS_MOST = 120, /* a row is not wider, on the widest terminal */
    PROGRESS_ROW_ROOM = 1024,    /* bytes of a row, with its NUL */
};

struct progress_row {
    const char *label;   /* any bytes, such as the name of a file */
    int64_t part, whole; /* the bar and the percentage are of these; a whole of -1: not known */
    int64_t bytes;       /* -1: they are not shown */
    int64_t rate;        /* bytes a second; -1: not known */
    int64_t seconds;     /* that are left; -1: not known */
    bool has_color;      /* the bar is coloured */
};

/*
 * Writes a row of at most `columns`, without a newline: label, bar, percentage, time left, bytes and
 * rate. What there is no room for is left out, from the end.
 */
void progress_row_print(const struct progress_row *row, size_t columns,
                        char text[PROGRESS_ROW_ROOM]);

/*
 * Writes a name in at most `columns` (at least 4), of which it returns the number. What is not valid
 * UTF-8, or would change how the rest is shown, becomes "?". Of a longer name it writes "..." and the
 * end. At most `room` bytes, with the NUL.
 */
size_t progress_row_shorten(const char *name, size_t columns, char *text, size_t room);

#endif
