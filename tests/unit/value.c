#include "protocol/value.h"

#include <string.h>

#include "tests/unit/check.h"

static bool is_number(const char *text, int64_t expected)
{
    int64_t number = -7;
    return value_number(text, strlen(text), &number) && number == expected;
}

static void check_numbers(void)
{
    static const char *const wrong[] = {
        "",
        "00",
        "01",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1a",
        "0x1",
        "1.0",
        "1e3",
        ":",
        "/1",
        "\xD9\xA1",
        "9223372036854775808",
        "18446744073709551617",
        "99999999999999999999999999",
    };

    CHECK(is_number("0", 0) && is_number("1", 1) && is_number("10", 10));
    CHECK(is_number("9223372036854775807", INT64_MAX));
    for (size_t i = 0; i < COUNT(wrong); i++) {
        int64_t number = 42;
        CHECK(!value_number(wrong[i], strlen(wrong[i]), &number));
        CHECK(number == 42);
    }
    int64_t number = 0;
    CHECK(value_number("123", 2, &number) && number == 12);
}

static bool is_time(const char *text, time_t seconds, long nanoseconds)
{
    struct timespec time = {.tv_sec = -1};
    return value_time(text, strlen(text), &time) && time.tv_sec == seconds &&
           time.tv_nsec == nanoseconds;
}

static void check_times(void)
{
    static const char *const wrong[] = {
        "",     ".",    "1.",    ".5",  "1.1234567890",          "1.a", "1.-1", "-1.5",
        "01.5", "1..5", "1.5.5", "1,5", "9223372036854775808.5",
    };
    static const struct timespec times[] = {
        {0, 0}, {1795428000, 500000000}, {1, 1}, {1, 999999999}, {20, 0}, {100, 120000000},
    };
    char text[VALUE_TIME_ROOM];

    CHECK(is_time("0", 0, 0) && is_time("1795428000.5", 1795428000, 500000000));
    CHECK(is_time("1.123456789", 1, 123456789) && is_time("1.000000001", 1, 1));
    CHECK(is_time("1.50", 1, 500000000) && is_time("1.0", 1, 0));
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct timespec time = {.tv_sec = 42, .tv_nsec = 42};
        CHECK(!value_time(wrong[i], strlen(wrong[i]), &time));
        CHECK(time.tv_sec == 42 && time.tv_nsec == 42);
    }
    for (size_t i = 0; i < COUNT(times); i++)
        CHECK(is_time(value_print_time(times[i], text), times[i].tv_sec, times[i].tv_nsec));
    CHECK(strcmp(value_print_time(times[0], text), "0") == 0);
    CHECK(strcmp(value_print_time(times[1], text), "1795428000.5") == 0);
    CHECK(strcmp(value_print_time(times[4], text), "20") == 0);
    CHECK(strcmp(value_print_time((struct timespec){.tv_sec = -1, .tv_nsec = 5}, text), "0") == 0);
}

int main(void)
{
    check_numbers();
    check_times();
    return 0;
}
