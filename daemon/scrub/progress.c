#include "daemon/scrub/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "protocol/clock.h"

enum {
    INTERVAL_MS = 500,
};

static void show(const struct progress *progress)
{
    char done[AMOUNT_ROOM];
    char total[AMOUNT_ROOM];
    char rate[AMOUNT_ROOM];
    int64_t ms = progress->shown_ms - progress->began_ms;
    int64_t all = progress->total > progress->done ? progress->total : progress->done;
    double each = (double)progress->done / (double)(ms > 0 ? ms : 1);

    /* \033[K clears the rest of the line (console_codes(4)). */
    (void)fprintf(stderr, "\r%s of %s, %d %%, %s/s\033[K",
                  amount_print((uint64_t)progress->done, done), amount_print((uint64_t)all, total),
                  all > 0 ? (int)((double)progress->done * 100 / (double)all) : 100,
                  amount_print((uint64_t)(each * 1000), rate));
}

void progress_begin(struct progress *progress)
{
    *progress = (struct progress){.is_shown = isatty(STDERR_FILENO) == 1};
}

void progress_add(struct progress *progress, int64_t bytes)
{
    int64_t now_ms = progress->is_shown ? clock_ms() : 0;

    if (progress->done == 0)
        progress->began_ms = now_ms;
    progress->done += bytes;
    if (!progress->is_shown || now_ms - progress->shown_ms < INTERVAL_MS)
        return;
    progress->shown_ms = now_ms;
    show(progress);
}

void progress_hide(const struct progress *progress)
{
    if (progress->is_shown)
        (void)fputs("\r\033[K", stderr);
}

const char *amount_print(uint64_t bytes, char text[AMOUNT_ROOM])
{
    static const char units[] = "KMGTPE";
    double amount = (double)bytes;
    size_t unit = 0;

    while (amount >= 1024 && unit < sizeof units - 1) {
        amount /= 1024;
        unit++;
    }
    if (unit == 0)
        (void)snprintf(text, AMOUNT_ROOM, "%d bytes", (int)bytes);
    else
        (void)snprintf(text, AMOUNT_ROOM, "%.1f%c", amount, units[unit - 1]);
    return text;
}
