#include "cli/progress_row.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "protocol/utf8.h"
#include "settings/quantity.h"

enum {
    LABEL_LEAST = 5,   /* columns */
    LABEL_ENOUGH = 10, /* the same, where there are other fields than bar and percentage */
    BAR_LEAST = 7,     /* with its brackets */
    BAR_MOST = 30,
    LABEL_ROOM = 512, /* bytes: many marks may be combined in one column */
    FIELD_ROOM = QUANTITY_ROOM + 8,
};

static const char ellipsis[] = "...";

/* A character of a name, as it is shown. */
struct glyph {
    const char *bytes;
    size_t length;  /* of these */
    size_t columns; /* 0: it is combined with the one before */
    size_t read;    /* bytes of the name */
};

/*
 * The character at the start of a text. Its width is that of the locale in use; without one, all but
 * ASCII is taken to be wide.
 */
static struct glyph next_glyph(const char *text, bool has_locale)
{
    uint32_t character = 0;
    size_t length = utf8_decode(text, strnlen(text, 4), &character);
    bool is_hidden = length == 0 || utf8_is_control(character) || utf8_is_format(character);
    int columns = character < 0x80 ? 1 : has_locale ? wcwidth((wchar_t)character) : 2;

    if (is_hidden || columns < 0)
        return (struct glyph){.bytes = "?", .length = 1, .columns = 1, .read = length + !length};
    return (struct glyph){text, length, (size_t)columns, length};
}

size_t progress_row_shorten(const char *name, size_t columns, char *text, size_t room)
{
    /* fsc has the locale "C", in which wcwidth(3) knows only ASCII. */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 != (locale_t)0 ? uselocale(utf8) : (locale_t)0;
    bool has_locale = utf8 != (locale_t)0;
    size_t all = 0;
    size_t bytes = 1;
    size_t used = 0;
    size_t written = 0;

    for (const char *at = name; *at != '\0';) {
        struct glyph glyph = next_glyph(at, has_locale);
        all += glyph.columns;
        bytes += glyph.length;
        at += glyph.read;
    }
    if (all > columns || bytes > room) {
        used = strlen(ellipsis);
        written = used;
        memcpy(text, ellipsis, used);
        /* Leave out the beginning, and what would then be combined with the dots. */
        for (struct glyph glyph = next_glyph(name, has_locale);
             *name != '\0' &&
             (all + used > columns || bytes + written > room || glyph.columns == 0);
             glyph = next_glyph(name, has_locale)) {
            all -= glyph.columns;
            bytes -= glyph.length;
            name += glyph.read;
        }
    }
    while (*name != '\0') {
        struct glyph glyph = next_glyph(name, has_locale);
        memcpy(text + written, glyph.bytes, glyph.length);
        written += glyph.length;
        name += glyph.read;
    }
    text[written] = '\0';
    if (has_locale) {
        (void)uselocale(before);
        freelocale(utf8);
    }
    return used + all;
}

static void print_seconds(int64_t seconds, char text[FIELD_ROOM])
{
    long long minutes = seconds / 60;
    long long hours = minutes / 60;

    if (seconds < 0)
        (void)snprintf(text, FIELD_ROOM, "--:--");
    else if (hours < 1)
        (void)snprintf(text, FIELD_ROOM, "%lld:%02lld", minutes, seconds % 60LL);
    else if (hours < 10)
        (void)snprintf(text, FIELD_ROOM, "%lld:%02lld:%02lld", hours, minutes % 60, seconds % 60LL);
    else if (hours < 100)
        (void)snprintf(text, FIELD_ROOM, "%lldh %02lldm", hours, minutes % 60);
    else if (hours < 24 * 100)
        (void)snprintf(text, FIELD_ROOM, "%lldd %02lldh", hours / 24, hours % 24);
    else
        (void)snprintf(text, FIELD_ROOM, "> 99d");
}

/* Writes "[===>   ]" of so many columns. */
static void print_bar(const struct progress_row *row, size_t columns, char *text)
{
    size_t inside = columns - 2;
    size_t full =
        row->whole > 0 ? (size_t)((double)row->part / (double)row->whole * (double)inside) : inside;

    text[0] = '[';
    memset(text + 1, ' ', inside);
    memset(text + 1, '=', full);
    if (full < inside)
        text[1 + full] = '>';
    text[columns - 1] = ']';
    text[columns] = '\0';
}

void progress_row_print(const struct progress_row *row, size_t columns,
                        char text[PROGRESS_ROW_ROOM])
{
    size_t left = columns < PROGRESS_COLUMNS_MOST ? columns : PROGRESS_COLUMNS_MOST;
    bool has_bar = row->whole >= 0 && left >= LABEL_LEAST + 1 + BAR_LEAST + strlen(" 100%");
    struct progress_row shown = *row;
    char label[LABEL_ROOM];
    char bar[PROGRESS_COLUMNS_MOST + 1];
    char number[QUANTITY_ROOM];
    char values[3][FIELD_ROOM] = {""};
    struct {
        bool is_there;
        size_t columns;
    } fields[] = {{has_bar, 7}, {row->bytes >= 0, 8}, {row->bytes >= 0, 10}};
    char *end = text;

    /* A file may have grown. */
    if (shown.part > shown.whole)
        shown.part = shown.whole;
    print_seconds(row->seconds, values[0]);
    (void)quantity_print_bytes(row->bytes, values[1]);
    if (row->rate >= 0)
        (void)snprintf(values[2], FIELD_ROOM, "%s/s", quantity_print_bytes(row->rate, number));

    /* One field after the other, as long as there is room. */
    left -= has_bar ? 1 + BAR_LEAST + strlen(" 100%") : 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        size_t cost = 2 + fields[i].columns;
        fields[i].is_there =
            fields[i].is_there && left >= (has_bar ? LABEL_ENOUGH : LABEL_LEAST) + cost;
        left -= fields[i].is_there ? cost : 0;
    }
    size_t wider = has_bar && left > LABEL_ENOUGH ? (left - LABEL_ENOUGH) / 2 : 0;
    if (wider > BAR_MOST - BAR_LEAST)
        wider = BAR_MOST - BAR_LEAST;
    size_t label_columns = left - wider;
    size_t used = progress_row_shorten(row->label, label_columns, label, sizeof label);

    end += snprintf(end, PROGRESS_ROW_ROOM, "%s%*s", label, (int)(label_columns - used), "");
    if (has_bar) {
        double percent = shown.whole > 0 ? 100.0 * (double)shown.part / (double)shown.whole : 100;
        print_bar(&shown, BAR_LEAST + wider, bar);
        end += snprintf(end, sizeof bar + 24, " %s%s%s %3d%%", row->has_color ? "\033[32m" : "",
                        bar, row->has_color ? "\033[0m" : "", (int)percent);
    }
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (fields[i].is_there)
            end += snprintf(end, FIELD_ROOM + 2, "  %*s", (int)fields[i].columns, values[i]);
    }
}
