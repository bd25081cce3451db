#include "protocol/value.h"

#include <stdio.h>
#include <string.h>

bool value_number(const char *bytes, size_t length, int64_t *ret)
{
    int64_t number = 0;

    if (length == 0 || (length > 1 && bytes[0] == '0'))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] < '0' || bytes[i] > '9')
            return false;
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, bytes[i] - '0', &number))
            return false;
    }
    *ret = number;
    return true;
}

/* Up to nine decimals, as nanoseconds. */
static bool decimals(const char *bytes, size_t length, long *ret)
{
    long nanoseconds = 0;

    if (length == 0 || length > 9)
        return false;
    for (size_t i = 0; i < 9; i++) {
        if (i < length && (bytes[i] < '0' || bytes[i] > '9'))
            return false;
        nanoseconds = nanoseconds * 10 + (i < length ? bytes[i] - '0' : 0);
    }
    *ret = nanoseconds;
    return true;
}

bool value_time(const char *bytes, size_t length, struct timespec *ret)
{
    int64_t seconds = 0;
    long nanoseconds = 0;
    const char *point = memchr(bytes, '.', length);
    size_t whole = point != NULL ? (size_t)(point - bytes) : length;

    if (!value_number(bytes, whole, &seconds))
        return false;
    if (point != NULL && !decimals(point + 1, length - whole - 1, &nanoseconds))
        return false;
    *ret = (struct timespec){.tv_sec = seconds, .tv_nsec = nanoseconds};
    return true;
}

const char *value_print_time(struct timespec time, char text[VALUE_TIME_ROOM])
{
    if (time.tv_sec < 0)
        time = (struct timespec){.tv_sec = 0};
    int length =
        snprintf(text, VALUE_TIME_ROOM, "%lld.%09ld", (long long)time.tv_sec, time.tv_nsec);
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    text[length] = '\0';
    return text;
}

/* What a number may have behind it; the last unit is the largest. */
struct unit {
    const char *word;
    int64_t factor;
};

#define KIB INT64_C(1024)

static const struct unit durations[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};

static const struct unit sizes[] = {
    {"", 1},
    {"K", KIB},
    {"M", KIB *KIB},
    {"G", KIB *KIB *KIB},
    {"T", KIB *KIB *KIB *KIB},
    {"P", KIB *KIB *KIB *KIB *KIB},
    {NULL, 0},
};

static bool read_with_unit(const char *bytes, size_t length, const struct unit *unit, int64_t *ret)
{
    size_t digits = 0;
    int64_t number = 0;

    while (digits < length && bytes[digits] >= '0' && bytes[digits] <= '9')
        digits++;
    if (!value_number(bytes, digits, &number))
        return false;
    while (unit->word != NULL && (strlen(unit->word) != length - digits ||
                                  memcmp(unit->word, bytes + digits, length - digits) != 0))
        unit++;
    if (unit->word == NULL || __builtin_mul_overflow(number, unit->factor, &number))
        return false;
    *ret = number;
    return true;
}

/* With the largest unit of which it is a whole number. */
static const char *print_with_unit(int64_t number, const struct unit *units, char *text)
{
    const struct unit *best = units;

    for (const struct unit *unit = units; unit->word != NULL; unit++) {
        if (number != 0 && number % unit->factor == 0)
            best = unit;
    }
    (void)snprintf(text, VALUE_UNIT_ROOM, "%lld%s", (long long)(number / best->factor), best->word);
    return text;
}

bool value_duration(const char *bytes, size_t length, int64_t *ret_ms)
{
    return read_with_unit(bytes, length, durations, ret_ms);
}

const char *value_print_duration(int64_t ms, char text[VALUE_UNIT_ROOM])
{
    return print_with_unit(ms, durations, text);
}

bool value_size(const char *bytes, size_t length, int64_t *ret_bytes)
{
    return read_with_unit(bytes, length, sizes, ret_bytes);
}

const char *value_print_size(int64_t bytes, char text[VALUE_UNIT_ROOM])
{
    return print_with_unit(bytes, sizes, text);
}

bool value_mode(const char *bytes, size_t length, int64_t *ret)
{
    int64_t mode = 0;

    if (length != 4 || bytes[0] != '0')
        return false;
    for (size_t i = 1; i < length; i++) {
        if (bytes[i] < '0' || bytes[i] > '7')
            return false;
        mode = mode * 8 + (bytes[i] - '0');
    }
    *ret = mode;
    return true;
}
