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

static bool is_duration(const char *text, int64_t expected_ms)
{
    int64_t ms = -7;
    return value_duration(text, strlen(text), &ms) && ms == expected_ms;
}

static void check_durations(void)
{
    static const char *const wrong[] = {
        "", "5", "s", "5x", "-1s", "1.5s", "5 s", "5S", "5ss", "05s", "5sm", "9223372036854775807d",
    };

    CHECK(is_duration("0s", 0) && is_duration("300ms", 300) && is_duration("30s", 30000));
    CHECK(is_duration("5m", 300000) && is_duration("6h", 21600000));
    CHECK(is_duration("2d", 172800000) && is_duration("9223372036854775807ms", INT64_MAX));
    for (size_t i = 0; i < COUNT(wrong); i++) {
        int64_t ms = 42;
        CHECK(!value_duration(wrong[i], strlen(wrong[i]), &ms));
        CHECK(ms == 42);
    }
}

static bool is_size(const char *text, int64_t expected)
{
    int64_t size = -7;
    return value_size(text, strlen(text), &size) && size == expected;
}

static void check_sizes(void)
{
    static const char *const wrong[] = {"", "K", "1k", "1KB", "1 K", "-1K", "1E", "8192P", "1.5G"};
    static const struct {
        int64_t size;
        const char *text;
    } written[] = {{0, "0"},
                   {1, "1"},
                   {1023, "1023"},
                   {1024, "1K"},
                   {1536 << 10, "1536K"},
                   {INT64_C(3) << 40, "3T"}};
    char text[VALUE_UNIT_ROOM];

    CHECK(is_size("0", 0) && is_size("512", 512) && is_size("1K", 1024) &&
          is_size("64M", 64 << 20));
    CHECK(is_size("10G", INT64_C(10737418240)) && is_size("8191P", INT64_C(8191) << 50));
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(!is_size(wrong[i], 0));
    for (size_t i = 0; i < COUNT(written); i++)
        CHECK(strcmp(value_print_size(written[i].size, text), written[i].text) == 0);
    CHECK(strcmp(value_print_duration(90000, text), "90s") == 0);
    CHECK(strcmp(value_print_duration(7200000, text), "2h") == 0);
    CHECK(strcmp(value_print_duration(1001, text), "1001ms") == 0);
}

static void check_modes(void)
{
    static const char *const wrong[] = {"", "0", "640", "00640", "0680", "0x10", "1640", " 640"};
    int64_t mode = -1;

    CHECK(value_mode("0640", 4, &mode) && mode == 0640);
    CHECK(value_mode("0000", 4, &mode) && mode == 0);
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(!value_mode(wrong[i], strlen(wrong[i]), &mode));
}

int main(void)
{
    check_numbers();
    check_times();
    check_durations();
    check_sizes();
    check_modes();
    return 0;
}
