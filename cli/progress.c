#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/progress_row.h"
#include "protocol/clock.h"
#include "protocol/name.h"

/* A size beyond this counts as not known: what is computed from it stays in its range. */
#define BYTES_MOST (INT64_C(1) << 60)

enum {
    FIRST_MS = 500,  /* before anything is shown */
    ROWS_MS = 100,   /* between two looks of the rows */
    LINES_MS = 5000, /* between two lines */
    FILE_MS = 3000,  /* the rate of a file is the average over this time, or up to twice as long */
    ALL_MS = 15000,  /* the same for all files */
    LEFT_MS = 1000,  /* before the time left can be estimated */
    FILE_COST = 65536, /* each file counts as so many bytes more, for the time that it takes */
    LINE_COLUMNS = 74,
    COLUMNS = 80, /* of a terminal that does not know its size */
};

/* How far we were at a time. */
struct mark {
    int64_t ms;
    int64_t moved; /* bytes */
    int64_t part;  /* of all files, as part_of_all() */
};

static struct {
    enum { PROGRESS_NONE, PROGRESS_ROWS, PROGRESS_LINES } kind;
    int64_t next_ms; /* before that, nothing is shown */
    bool is_held;
    progress_measure *measure;
    void *context;

    bool has_file, in_file; /* there was one; it has not ended */
    char name[NAME_LONGEST + 1];
    int64_t size, done;

    size_t listed;
    size_t files, all_files;  /* that have ended, that are expected */
    int64_t bytes, all_bytes; /* of these; -1: not known */

    int64_t moved;
    int64_t given; /* bytes that did not have to be moved, because an upload was resumed */
    struct mark file_marks[2]; /* the rate is since the older one */
    struct mark all_marks[2];
} progress;

void progress_begin(const struct options *options)
{
    const char *output = options->values[OPTION_OUTPUT];
    /* Of a file that is shown on the terminal nothing may be overwritten. */
    bool is_shown = isatty(STDOUT_FILENO) && (options_have(options, OPTION_TO_COMMAND) ||
                                              (output != NULL && strcmp(output, "-") == 0));

    if (options_have(options, OPTION_NO_PROGRESS) || options_have(options, OPTION_QUIET) ||
        is_shown)
        return;
    progress.next_ms = clock_ms() + FIRST_MS;
    if (console_is_terminal())
        progress.kind = PROGRESS_ROWS;
    else if (options_have(options, OPTION_PROGRESS))
        progress.kind = PROGRESS_LINES;
}

void progress_end(void)
{
    if (progress.kind == PROGRESS_ROWS)
        console_clear();
    progress.kind = PROGRESS_NONE;
}

bool progress_is_wanted(void)
{
    return progress.kind != PROGRESS_NONE;
}

void progress_set_measure(progress_measure *measure, void *context)
{
    progress.measure = measure;
    progress.context = context;
}

/*
 * How much of all files is done: in bytes, of which each file has some more, so that many small files
 * count for the time that they take; or, if sizes are not known, in thousandths of files.
 */
static int64_t part_of_all(void)
{
    int64_t done = progress.in_file ? progress.done : 0;

    if (progress.all_bytes >= 0)
        return (int64_t)progress.files * FILE_COST + progress.bytes + done;
    return (int64_t)progress.files * 1000 +
           (done > 0 && progress.size > 0 ? done * 1000 / progress.size : 0);
}

static struct mark mark_at(int64_t now)
{
    int64_t given = progress.all_bytes >= 0 ? progress.given : 0;

    return (struct mark){now, progress.moved, part_of_all() - given};
}

/* The mark from which rates are counted. A newer one takes its place after so long. */
static const struct mark *find_mark(struct mark marks[2], const struct mark *latest, int64_t ms)
{
    if (latest->ms - marks[1].ms >= ms) {
        marks[0] = marks[1];
        marks[1] = *latest;
    }
    return &marks[0];
}

void progress_expect(size_t files, int64_t bytes)
{
    progress.all_files += files;
    /* A server may announce anything. */
    progress.all_bytes =
        bytes < 0 || progress.all_bytes < 0 || bytes > BYTES_MOST - progress.all_bytes
            ? -1
            : progress.all_bytes + bytes;
    if (progress.all_marks[0].ms == 0)
        progress.all_marks[0] = progress.all_marks[1] = mark_at(clock_ms());
}

/* Amounts a second; -1: not known. */
static int64_t rate_of(int64_t amount, int64_t ms)
{
    return ms > 0 ? (int64_t)((double)amount * 1000 / (double)ms) : -1;
}

/* How long the rest takes; -1: not known. */
static int64_t seconds_left(int64_t left, int64_t amount, int64_t ms)
{
    if (left <= 0)
        return 0;
    return amount > 0 && ms >= LEFT_MS
               ? (int64_t)((double)left * (double)ms / (double)amount / 1000) + 1
               : -1;
}

/* Fills the rows, of which there are one or two, the one for all files last. */
static size_t make_rows(int64_t now, size_t columns, struct progress_row rows[2], char label[64])
{
    size_t count = 0;

    const struct mark latest = mark_at(now);
    if (progress.has_file) {
        const struct mark *mark = find_mark(progress.file_marks, &latest, FILE_MS);
        int64_t moved = latest.moved - mark->moved;
        int64_t ms = now - mark->ms;
        rows[count++] = (struct progress_row){
            .label = progress.name,
            .part = progress.done,
            .whole = progress.size,
            .bytes = progress.done,
            .rate = rate_of(moved, ms),
            .seconds = seconds_left(progress.size - progress.done, moved, ms),
        };
    }
    if (progress.has_file && progress.files < 2 && progress.all_files < 2)
        return count;

    struct progress_row *all = &rows[count++];
    *all =
        (struct progress_row){.label = label, .whole = -1, .bytes = -1, .rate = -1, .seconds = -1};
    if (progress.files == 0 && progress.all_files == 0) {
        (void)snprintf(label, 64, "%zu names", progress.listed);
        return count;
    }
    if (progress.all_files == 0)
        (void)snprintf(label, 64, "%zu files", progress.files);
    else if (columns < COLUMNS / 2 - 1)
        (void)snprintf(label, 64, "all");
    else if (columns < COLUMNS - 10)
        (void)snprintf(label, 64, "%zu/%zu", progress.files, progress.all_files);
    else
        (void)snprintf(label, 64, "%zu of %zu files", progress.files, progress.all_files);
    const struct mark *mark = find_mark(progress.all_marks, &latest, ALL_MS);
    int64_t ms = now - mark->ms;
    if (progress.has_file) {
        all->bytes = progress.bytes + (progress.in_file ? progress.done : 0);
        all->rate = rate_of(latest.moved - mark->moved, ms);
    }
    if (progress.all_files > 0) {
        all->part = part_of_all();
        all->whole = progress.all_bytes >= 0
                         ? (int64_t)progress.all_files * FILE_COST + progress.all_bytes
                         : (int64_t)progress.all_files * 1000;
        all->seconds = seconds_left(all->whole - all->part, latest.part - mark->part, ms);
    }
    return count;
}

static void show(int64_t now)
{
    struct progress_row rows[2];
    struct winsize size = {.ws_col = 0};
    char label[64];
    char text[2 * PROGRESS_ROW_ROOM] = "";
    size_t columns = LINE_COLUMNS;

    if (progress.kind == PROGRESS_ROWS) {
        /* One in the background would be stopped, or write into what somebody is typing. */
        if (tcgetpgrp(STDERR_FILENO) != getpgrp())
            return;
        (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
        /* Some terminals begin another line as soon as one is full. */
        columns = (size.ws_col > 0 ? size.ws_col : (size_t)COLUMNS) - 1;
    }
    size_t count = make_rows(now, columns, rows, label);
    size_t first = progress.kind == PROGRESS_LINES ? count - 1 : 0;
    /* The row of the cursor stays above. */
    if (columns < 4 || (size.ws_row > 0 && size.ws_row < 1 + count))
        return;
    for (size_t i = first; i < count; i++) {
        char *end = text + strlen(text);
        if (i > first)
            *end++ = '\n';
        rows[i].has_color = console_has_color();
        progress_row_print(&rows[i], columns, end);
    }
    if (progress.kind == PROGRESS_LINES)
        console_print(text);
    else
        console_show(text);
}

/* Looks at the clock, and shows what there is to see. */
static void look(void)
{
    int64_t now = progress.kind != PROGRESS_NONE ? clock_ms() : 0;

    if (progress.kind == PROGRESS_NONE || progress.is_held || now < progress.next_ms)
        return;
    if (progress.measure != NULL) {
        progress_measure *measure = progress.measure;
        progress.measure = NULL;
        measure(progress.context);
    }
    show(now);
    progress.next_ms = now + (progress.kind == PROGRESS_ROWS ? ROWS_MS : LINES_MS);
}

void progress_hold(bool holds)
{
    progress.is_held = holds;
    look();
}

void progress_file(const char *name, int64_t size, int64_t offset)
{
    if (progress.kind == PROGRESS_NONE)
        return;
    bool is_again = progress.in_file && strcmp(progress.name, name) == 0;
    progress.given += is_again ? offset - progress.done : offset;
    progress.in_file = true;
    (void)snprintf(progress.name, sizeof progress.name, "%s", name);
    progress.size = size <= BYTES_MOST ? size : -1;
    progress.done = offset;
    if (!progress.has_file) {
        struct mark first = mark_at(clock_ms());
        progress.file_marks[0] = progress.file_marks[1] = first;
        progress.all_marks[0] = progress.all_marks[1] = first;
    }
    progress.has_file = true;
    look();
}

void progress_skip(size_t bytes)
{
    progress.done += (int64_t)bytes;
    progress.given += (int64_t)bytes;
    if (progress.kind != PROGRESS_NONE)
        progress.file_marks[0] = progress.file_marks[1] = mark_at(clock_ms());
    look();
}

void progress_add(size_t bytes)
{
    progress.done += (int64_t)bytes;
    progress.moved += (int64_t)bytes;
    look();
}

void progress_file_end(int64_t size)
{
    progress.in_file = false;
    progress.files++;
    progress.bytes += size > 0 ? size : 0;
    look();
}

void progress_listed(void)
{
    progress.listed++;
    look();
}
