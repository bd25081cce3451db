#include "daemon/store/glob.h"

#include <string.h>
#include <time.h>

#include "tests/unit/check.h"

static bool matches(const char *pattern, const char *text)
{
    return glob_matches(pattern, strlen(pattern), text, strlen(text));
}

static void check_stars(void)
{
    CHECK(matches("", "") && !matches("", "a") && !matches("a", ""));
    CHECK(matches("*", "") && matches("*", "abc") && matches("**", "abc"));
    CHECK(matches("a*", "a") && matches("a*", "abc") && !matches("a*", "ba"));
    CHECK(matches("*c", "abc") && !matches("*c", "abcd") && matches("*c", "ccc"));
    CHECK(matches("a*b*c", "axbxc") && matches("a*b*c", "abbc") && !matches("a*b*c", "acb"));
    CHECK(matches("*ab*", "aab") && matches("*.gz", ".gz") && !matches("*.gz", "gz"));
    CHECK(matches("*a*a*", "aa") && !matches("*a*a*", "a"));
    CHECK(matches("*", ".hidden") && matches("?hidden", ".hidden"));
}

static void check_slashes(void)
{
    CHECK(!matches("*", "a/b") && !matches("a?b", "a/b") && !matches("a[/]b", "a/b"));
    CHECK(!matches("a[!x]b", "a/b") && !matches("a[.-0]b", "a/b") && !matches("a*", "a/b"));
    CHECK(matches("a/b", "a/b") && matches("*/*", "a/b") && !matches("*/*", "a/b/c"));
    CHECK(matches("*/*b", "a/bb") && !matches("*b", "a/b"));
}

static void check_characters(void)
{
    CHECK(matches("?", "\xC3\xA4") && !matches("??", "\xC3\xA4"));
    CHECK(matches("\xC3\xA4*", "\xC3\xA4x") && !matches("?", "") && !matches("?", "ab"));
    CHECK(matches("[\xC3\xA4]", "\xC3\xA4") && matches("[!a]", "\xC3\xA4"));
    CHECK(matches("[\xC3\xA0-\xC3\xBF]", "\xC3\xA4") &&
          !matches("[\xC3\xA0-\xC3\xA3]", "\xC3\xA4"));
    CHECK(matches("[a-\xE2\x82\xAC]", "\xC3\xA4") && matches("*\xA4", "\xA4"));
    CHECK(!matches("\xA4", "\xC3\xA4") && !matches("*\xA4", "\xC3\xA4"));
}

static void check_classes(void)
{
    CHECK(matches("[abc]", "b") && !matches("[abc]", "d") && !matches("[abc]", ""));
    CHECK(matches("[a-c]", "b") && !matches("[a-c]", "d") && !matches("[c-a]", "b"));
    CHECK(matches("[!a-c]", "d") && !matches("[!a-c]", "b") && !matches("[!a]", ""));
    CHECK(matches("[a-]", "-") && matches("[a-]", "a") && matches("[-a]", "-"));
    CHECK(matches("[a!]", "!") && matches("[a^]", "^") && !matches("[^a]", "b"));
    CHECK(matches("[]]", "]") && matches("[]a]", "a") && !matches("[!]]", "]"));
    CHECK(matches("[!]]", "a") && matches("[*]", "*") && !matches("[*]", "a"));
    CHECK(matches("[?]", "?") && !matches("[?]", "a") && matches("x[0-9]*", "x1y"));
    /* "[" without "]" stands for itself. */
    CHECK(matches("[", "[") && matches("[a", "[a") && !matches("[a", "a"));
    CHECK(matches("a[*", "a[b") && matches("[]", "[]") && matches("[!]", "[!]"));
    CHECK(matches("[!", "[!") && matches("[a-", "[a-") && matches("*[", "ab["));
}

static void check_backslash(void)
{
    CHECK(matches("a\\*", "a\\b") && !matches("\\*", "*") && matches("\\", "\\"));
    CHECK(matches("[\\]", "\\") && matches("\\?", "\\x"));
}

/* A star that tries everything again for each star before it would take years here. */
static void check_time(void)
{
    char pattern[401];
    char text[1024];
    clock_t start = clock();

    memset(text, 'a', 1023);
    text[1023] = '\0';
    for (size_t i = 0; i < 400; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[400] = '\0';
    CHECK(matches(pattern, text));
    pattern[399] = 'b';
    for (int i = 0; i < 100; i++)
        CHECK(!matches(pattern, text));
    CHECK(clock() - start < 5 * CLOCKS_PER_SEC);
}

int main(void)
{
    check_stars();
    check_slashes();
    check_characters();
    check_classes();
    check_backslash();
    check_time();
    return 0;
}
