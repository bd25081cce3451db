#include "settings/quantity.h"

#include <string.h>

#include "tests/unit/check.h"

static bool is_duration(const char *text, int64_t expected_ms)
{
    int64_t ms = -7;
    return quantity_duration(text, &ms) && ms == expected_ms;
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
        CHECK(!quantity_duration(wrong[i], &ms));
        CHECK(ms == 42);
    }
}

static void check_ages(void)
{
    static const char *const wrong[] = {
        "",   "5",   "m",    "5m",  "5M",  "5ms", "min",
        "5x", "-1d", "1.5d", "5 d", "05d", "5mi", "15250284452472w"};
    static const struct {
        const char *text;
        int64_t seconds;
    } table[] = {{"0s", 0},       {"90s", 90},   {"5min", 300},
                 {"36h", 129600}, {"1d", 86400}, {"2w", 1209600}};
    int64_t seconds = 42;

    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(!quantity_age(wrong[i], &seconds) && seconds == 42);
    for (size_t i = 0; i < COUNT(table); i++)
        CHECK(quantity_age(table[i].text, &seconds) && seconds == table[i].seconds);
}

static bool is_size(const char *text, int64_t expected)
{
    int64_t size = -7;
    return quantity_size(text, &size) && size == expected;
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
    char text[QUANTITY_ROOM];

    CHECK(is_size("0", 0) && is_size("512", 512) && is_size("1K", 1024) &&
          is_size("64M", 64 << 20));
    CHECK(is_size("10G", INT64_C(10737418240)) && is_size("8191P", INT64_C(8191) << 50));
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(!is_size(wrong[i], 0));
    for (size_t i = 0; i < COUNT(written); i++)
        CHECK(strcmp(quantity_print_size(written[i].size, text), written[i].text) == 0);
    CHECK(strcmp(quantity_print_duration(90000, text), "90s") == 0);
    CHECK(strcmp(quantity_print_duration(7200000, text), "2h") == 0);
    CHECK(strcmp(quantity_print_duration(1001, text), "1001ms") == 0);
}

static void check_modes(void)
{
    static const char *const wrong[] = {"", "0", "640", "00640", "0680", "0x10", "1640", " 640"};
    int64_t mode = -1;

    CHECK(quantity_mode("0640", &mode) && mode == 0640);
    CHECK(quantity_mode("0000", &mode) && mode == 0);
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(!quantity_mode(wrong[i], &mode));
}

static void check_human(void)
{
    static const struct {
        int64_t size;
        const char *text;
    } written[] = {{0, "0"},          {1023, "1023"},      {1024, "1.0K"},
                   {10188, "9.9K"},   {10189, "10K"},      {1048063, "1023K"},
                   {1048064, "1.0M"}, {104857600, "100M"}, {INT64_MAX, "8.0E"}};
    char text[QUANTITY_ROOM];

    for (size_t i = 0; i < COUNT(written); i++)
        CHECK(strcmp(quantity_print_human(written[i].size, text), written[i].text) == 0);
}

static void check_bytes(void)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } written[] = {
        {0, "0 B"},         {999, "999 B"},          {1000, "1.0 kB"},       {999949, "999.9 kB"},
        {999950, "1.0 MB"}, {131200000, "131.2 MB"}, {2147483648, "2.1 GB"}, {INT64_MAX, "9.2 EB"},
    };
    char text[QUANTITY_ROOM];

    for (size_t i = 0; i < COUNT(written); i++)
        CHECK(strcmp(quantity_print_bytes(written[i].bytes, text), written[i].text) == 0);
}

int main(void)
{
    check_durations();
    check_ages();
    check_sizes();
    check_modes();
    check_human();
    check_bytes();
    return 0;
}
