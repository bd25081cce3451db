#include "cli/progress_row.h"

#include <string.h>

#include "protocol/utf8.h"
#include "tests/unit/check.h"

enum {
    ROOM = 512,
};

static void check_name(const char *name, size_t columns, const char *expected, size_t used)
{
    char text[ROOM];

    CHECK(progress_row_shorten(name, columns, text, sizeof text) == used);
    CHECK(strcmp(text, expected) == 0);
}

static void check_names(void)
{
    check_name("", 4, "", 0);
    check_name("a.gz", 4, "a.gz", 4);
    check_name("ab.gz", 4, "...z", 4);
    check_name("shop/2026-11-30.sql.gz", 12, "...30.sql.gz", 12);
    check_name("shop/2026-11-30.sql.gz", 22, "shop/2026-11-30.sql.gz", 22);

    /* Wide characters take two columns, and are not cut in halves. */
    check_name("\u65E5\u672C.gz", 7, "\u65E5\u672C.gz", 7);
    check_name("\u65E5\u672C.gz", 6, "....gz", 6);
    check_name("\u65E5\u672C\u8A9E\u8A9E", 6, "...\u8A9E", 5);
    check_name("\u65E5\u672C\u8A9E\u8A9E", 7, "...\u8A9E\u8A9E", 7);
    check_name("\U0001F600.txt", 6, "\U0001F600.txt", 6);

    /* Marks take none, and stay with what they are combined with. */
    check_name("e\u0301e\u0301e\u0301e\u0301", 4, "e\u0301e\u0301e\u0301e\u0301", 4);
    check_name("e\u0301e\u0301e\u0301e\u0301e\u0301", 4, "...e\u0301", 4);

    /* What could move the cursor, or is no character. */
    check_name("a\033[2Jb\x7F\nc", 20, "a?[2Jb??c", 9);
    check_name("\xFF\xC3x\xE6\x97", 20, "??x??", 5);
    check_name("\u202Egz\u202C.exe", 20, "?gz?.exe", 8);
    check_name("\xC2\x9B"
               "31m",
               20, "?31m", 4);
    check_name("\U000E1234\uFFFFx", 20, "??x", 3);
}

/* A column may hold any number of marks, but not a row. */
static void check_marks(void)
{
    char name[1024] = "e";
    char text[64];

    for (size_t i = 1; i + 2 < sizeof name; i += 2)
        memcpy(name + i, "\u0301", 3);
    CHECK(progress_row_shorten(name, 10, text, sizeof text) == 3);
    CHECK(strcmp(text, "...") == 0);
    memcpy(name + sizeof name - 5, "xyz", 4);
    CHECK(progress_row_shorten(name, 10, text, sizeof text) == 6);
    CHECK(strcmp(text, "...xyz") == 0);
}

static void check_row(const struct progress_row *row, size_t columns, const char *expected)
{
    char text[PROGRESS_ROW_ROOM];

    progress_row_print(row, columns, text);
    if (strcmp(text, expected) != 0)
        (void)fprintf(stderr, "%zu columns: \"%s\"\n", columns, text);
    CHECK(strcmp(text, expected) == 0);
}

static void check_rows(void)
{
    const struct progress_row file = {.label = "shop/2026-11-30.sql.gz",
                                      .part = 131200000,
                                      .whole = 291555555,
                                      .bytes = 131200000,
                                      .rate = 12300000,
                                      .seconds = 14};
    const struct progress_row stream = {.label = "shop/2026-11-30.sql.gz",
                                        .whole = -1,
                                        .bytes = 131200000,
                                        .rate = 12300000,
                                        .seconds = -1};
    const struct progress_row count = {
        .label = "12 of 10000 files", .part = 12, .whole = 10000, .bytes = -1, .seconds = 36125};
    const struct progress_row none = {
        .label = "empty", .part = 0, .whole = 0, .bytes = 0, .rate = -1, .seconds = -1};
    const struct progress_row grown = {
        .label = "log", .part = 11, .whole = 10, .bytes = 11, .rate = 0, .seconds = 8639999};

    check_row(&file, 119,
              "shop/2026-11-30.sql.gz                               "
              "[============>               ]  45%     0:14  131.2 MB   12.3 MB/s");
    check_row(&file, 79,
              "shop/2026-11-30.sql.gz  [=======>         ]  45%     0:14  131.2 MB   12.3 MB/s");
    check_row(&file, 39, "...1-30.sql.gz [===>    ]  45%     0:14");
    check_row(&file, 19, "....gz [==>  ]  45%");
    check_row(&file, 18, "...gz [==>  ]  45%");
    check_row(&file, 17, "...l.gz  131.2 MB");
    check_row(&file, 4, "...z");
    check_row(&stream, 79,
              "shop/2026-11-30.sql.gz                                     131.2 MB   12.3 MB/s");
    check_row(&stream, 39, "...6-11-30.sql.gz  131.2 MB   12.3 MB/s");
    check_row(&stream, 19, "...sql.gz  131.2 MB");
    check_row(&count, 79,
              "12 of 10000 files                  [>                           ]   0%  10h 02m");
    check_row(&count, 39, "...10000 files [>       ]   0%  10h 02m");
    check_row(&none, 39, "empty          [========] 100%    --:--");
    check_row(&grown, 39, "log            [========] 100%  99d 23h");
}

/* No row is wider than it may be, whatever is in it. */
static void check_widths(void)
{
    static const char *const labels[] = {"a", "\u65E5\u672C\u8A9E/\u65E5\u672C\u8A9E.gz",
                                         ("a-name-that-is-longer-than-any-row-of-any-terminal-that-"
                                          "is-120-columns-wide-and-then-some-more/of-the-same.gz")};
    const int64_t most = INT64_MAX;
    char text[PROGRESS_ROW_ROOM];
    char shown[PROGRESS_ROW_ROOM];

    for (size_t i = 0; i < COUNT(labels); i++) {
        const struct progress_row rows[] = {
            {labels[i], 1, most, most, most, most, false},
            {labels[i], most, 1, 0, 0, 0, false},
            {labels[i], 0, -1, most, most, -1, false},
            {labels[i], 0, 0, -1, -1, -1, false},
        };
        for (size_t row = 0; row < COUNT(rows); row++) {
            for (size_t columns = 4; columns < 200; columns++) {
                progress_row_print(&rows[row], columns, text);
                CHECK(progress_row_shorten(text, 1000, shown, sizeof shown) <= columns);
                CHECK(strcmp(text, shown) == 0);
            }
        }
    }
}

int main(void)
{
    check_names();
    check_marks();
    check_rows();
    check_widths();
    return 0;
}
