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

bool value_time(const char *bytes, size_t length, struct timespec *ret)
{
    int64_t seconds = 0;
    long nanoseconds = 0;
    const char *point = memchr(bytes, '.', length);
    size_t whole = point != NULL ? (size_t)(point - bytes) : length;
    size_t decimals = point != NULL ? length - whole - 1 : 0;

    if (!value_number(bytes, whole, &seconds) || (point != NULL && decimals == 0) || decimals > 9)
        return false;
    /* Decimals that are not there are zeros. */
    for (size_t i = 0; i < 9; i++) {
        int digit = i < decimals ? point[1 + i] : '0';
        if (digit < '0' || digit > '9')
            return false;
        nanoseconds = nanoseconds * 10 + (digit - '0');
    }
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
