#include "protocol/name.h"

#include <string.h>

#include "tests/unit/check.h"

static bool valid(const char *name)
{
    size_t length = strlen(name);
    bool is_valid = name_is_valid(name, length);

    CHECK(is_valid == (name_fault(name, length) == NULL));
    return is_valid;
}

static void check_valid(void)
{
    static const char *const names[] = {
        "a",       "a/b/c", "backups/shop.sql.gz",
        "-rf",     "...",   "..a",
        ".a",      "a.",    "a..b",
        " ",       "a b",   "%2F",
        "a=b",     "[a]",   "*?\\\"'$",
        ".fs",     ".FSD",  "a.fsd",
        "a/fsd",   "~",     "\xC3\xA4/\xE2\x82\xAC",
        ".nf",     "nfs",   "\xC2\xA0",
        "a/.../b",
    };

    for (size_t i = 0; i < COUNT(names); i++)
        CHECK(valid(names[i]));
}

static void check_refused(void)
{
    static const char *const names[] = {
        "",
        "/",
        "//",
        ".",
        "..",
        "/a",
        "a/",
        "a//b",
        "./a",
        "../a",
        "a/.",
        "a/..",
        "a/./b",
        "a/../b",
        ".fsd",
        ".fsdx",
        ".fsd/a",
        "a/.fsd",
        "a/.fsd-1",
        ".nfs",
        ".nfs000001",
        "a/.nfs/b",
        "a\n",
        "\t",
        "a\x7F",
        "a\x1Fz",
        "a\xC2\x80",
        "\xC2\x9F",
        "\xFF",
        "a\xC3",
        "\xC0\xAF",
        "a\x80/b",
        "\xED\xA0\x80",
        "\xF4\x90\x80\x80",
    };

    for (size_t i = 0; i < COUNT(names); i++)
        CHECK(!valid(names[i]));
    CHECK(!name_is_valid("a\0b", 3));
    CHECK(!name_is_valid("\0", 1));
    /* What lies behind the end does not count. */
    CHECK(name_is_valid("a/b", 1) && !name_is_valid("a/b", 2));
}

static void check_lengths(void)
{
    char name[NAME_LONGEST + 2];

    memset(name, 'a', sizeof name);
    CHECK(name_is_valid(name, 255) && !name_is_valid(name, 256));
    name[255] = name[511] = name[767] = '/';
    CHECK(name_is_valid(name, 1023));
    name[1022] = '/';
    CHECK(!name_is_valid(name, 1024));
    name[1000] = '/';
    name[1022] = 'a';
    CHECK(!name_is_valid(name, 1024));
}

static void check_components(void)
{
    CHECK(name_component_is_valid("a", 1) && name_component_is_valid("\xC3\xA4 b", 4));
    CHECK(!name_component_is_valid("", 0) && !name_component_is_valid("a/b", 3));
    CHECK(!name_component_is_valid("..", 2) && !name_component_is_valid(".fsd", 4));
    CHECK(!name_component_is_valid("\xFF", 1) && !name_component_is_valid("a\n", 2));
}

static void check_last(void)
{
    CHECK(strcmp(name_last_component("a"), "a") == 0);
    CHECK(strcmp(name_last_component("a/b/c d"), "c d") == 0);
    CHECK(strcmp(name_last_component("/a/"), "") == 0);
}

int main(void)
{
    check_valid();
    check_refused();
    check_lengths();
    check_components();
    check_last();
    return 0;
}
