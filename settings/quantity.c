#include "settings/quantity.h"

#include <stdio.h>
#include <string.h>

#include "protocol/value.h"

/* What may follow a number; the last unit is the largest. */
struct unit {
    const char *word;
    int64_t factor;
};

#define KIB INT64_C(1024)

static const struct unit durations[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};

static const struct unit ages[] = {{"s", 1},     {"min", 60},   {"h", 3600},
                                   {"d", 86400}, {"w", 604800}, {NULL, 0}};

static const struct unit sizes[] = {
    {"", 1},
    {"K", KIB},
    {"M", KIB *KIB},
    {"G", KIB *KIB *KIB},
    {"T", KIB *KIB *KIB *KIB},
    {"P", KIB *KIB *KIB *KIB *KIB},
    {NULL, 0},
};

static bool read_with_unit(const char *text, const struct unit *unit, int64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    int64_t number = 0;

    if (!value_number(text, digits, &number))
        return false;
    while (unit->word != NULL && strcmp(unit->word, text + digits) != 0)
        unit++;
    if (unit->word == NULL || __builtin_mul_overflow(number, unit->factor, &number))
        return false;
    *ret = number;
    return true;
}

static const char *print_with_unit(int64_t number, const struct unit *units, char *text)
{
    const struct unit *best = units;

    for (const struct unit *unit = units; unit->word != NULL; unit++) {
        if (number != 0 && number % unit->factor == 0)
            best = unit;
    }
    (void)snprintf(text, QUANTITY_ROOM, "%lld%s", (long long)(number / best->factor), best->word);
    return text;
}

bool quantity_duration(const char *text, int64_t *ret_ms)
{
    return read_with_unit(text, durations, ret_ms);
}

bool quantity_age(const char *text, int64_t *ret_seconds)
{
    return read_with_unit(text, ages, ret_seconds);
}

bool quantity_size(const char *text, int64_t *ret_bytes)
{
    return read_with_unit(text, sizes, ret_bytes);
}

bool quantity_mode(const char *text, int64_t *ret)
{
    int64_t mode = 0;

    if (text[0] != '0' || strlen(text) != 4 || strspn(text, "01234567") != 4)
        return false;
    for (; *text != '\0'; text++)
        mode = mode * 8 + (*text - '0');
    *ret = mode;
    return true;
}

const char *quantity_print_duration(int64_t ms, char text[QUANTITY_ROOM])
{
    return print_with_unit(ms, durations, text);
}

const char *quantity_print_size(int64_t bytes, char text[QUANTITY_ROOM])
{
    return print_with_unit(bytes, sizes, text);
}

const char *quantity_print_human(int64_t bytes, char text[QUANTITY_ROOM])
{
    double number = (double)bytes / KIB;
    const char *unit = "KMGTPE";

    if (bytes < KIB) {
        (void)snprintf(text, QUANTITY_ROOM, "%lld", (long long)bytes);
        return text;
    }
    /* What would be rounded to 1024 is 1.0 of the next unit. */
    while (number >= KIB - 0.5) {
        number /= KIB;
        unit++;
    }
    (void)snprintf(text, QUANTITY_ROOM, "%.*f%c", number < 9.95 ? 1 : 0, number, *unit);
    return text;
}

const char *quantity_print_bytes(int64_t bytes, char text[QUANTITY_ROOM])
{
    double number = (double)bytes / 1000;
    const char *unit = "kMGTPE";

    if (bytes < 1000) {
        (void)snprintf(text, QUANTITY_ROOM, "%lld B", (long long)bytes);
        return text;
    }
    while (number >= 999.95) {
        number /= 1000;
        unit++;
    }
    (void)snprintf(text, QUANTITY_ROOM, "%.1f %cB", number, *unit);
    return text;
}
