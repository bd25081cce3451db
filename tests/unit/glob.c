#include "protocol/glob.h"

#include <fnmatch.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/check.h"

static bool matches(const char *pattern, const char *text)
{
    struct glob *glob = glob_compile(pattern, strlen(pattern));
    bool matches = glob != NULL && glob_matches(glob, text, strlen(text));

    free(glob);
    return matches;
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
    CHECK(!matches("*", "a/b") && !matches("a?b", "a/b"));
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
    CHECK(matches("[a-\xE2\x82\xAC]", "\xC3\xA4") && !matches("\xA4", "\xC3\xA4"));
    CHECK(!matches("*\xA4", "\xC3\xA4"));
}

static void check_classes(void)
{
    CHECK(matches("[abc]", "b") && !matches("[abc]", "d") && !matches("[abc]", ""));
    CHECK(matches("[a-c]", "b") && !matches("[a-c]", "d") && matches("[c-c]", "c"));
    CHECK(matches("[!a-c]", "d") && !matches("[!a-c]", "b") && !matches("[!a]", ""));
    CHECK(matches("[a-]", "-") && matches("[a-]", "a") && matches("[-a]", "-"));
    CHECK(matches("[a!]", "!") && matches("[a^]", "^"));
    CHECK(matches("[]]", "]") && matches("[]a]", "a") && !matches("[!]]", "]"));
    CHECK(matches("[!]]", "a") && matches("[*]", "*") && !matches("[*]", "a"));
    CHECK(matches("[?]", "?") && !matches("[?]", "a") && matches("x[0-9]*", "x1y"));
    CHECK(matches("[[]", "[") && matches("[[a]", "a") && matches("[a-c-e]", "-"));
    CHECK(matches("[^a]", "b") && !matches("[^a]", "a") && matches("[^^]", "a"));
    CHECK(matches("[!^]", "!") && !matches("[!^]", "^") && matches("[^]]", "a"));
    CHECK(matches("[^0-9]*", "a1") && !matches("[^0-9]*", "1a"));
    CHECK(matches("[[:digit:]]", "7") && !matches("[[:digit:]]", ":") && matches("[:a]", ":"));
    CHECK(matches("[![:space:]x]", "a") && !matches("[![:space:]x]", "x"));
    CHECK(matches("[[:upper:][:digit:]_-]*", "-a") && matches("[[:alpha:]-z]", "-"));
    /* ASCII only, whatever the locale is. */
    CHECK(!matches("[[:alpha:]]", "\xC3\xA4") && matches("[^[:alpha:]]", "\xC3\xA4"));
}

static void check_backslash(void)
{
    CHECK(matches("\\*", "*") && !matches("\\*", "a") && matches("\\\\", "\\"));
    CHECK(matches("\\[a]", "[a]") && matches("\\a", "a") && matches("\\\xC3\xA4", "\xC3\xA4"));
    CHECK(matches("[\\]]", "]") && matches("[a\\-z]", "-") && !matches("[a\\-z]", "b"));
    CHECK(matches("[\\!a]", "!") && matches("[a-\\c]", "b") && !matches("[\\a]", "\\"));
}

static void check_faults(void)
{
    static const char *const wrong[] = {
        /* A "[" without its "]". */
        "[", "a[", "[a", "[]", "[!]", "[^]", "[!", "[a-", "a[*", "[a\\]", "[]a", "[[:digit:]",
        "[a/]", "[a-/]", "[+-/]", "[\\/]",
        /* Classes that are none, and what else only some locales have. */
        "[[:nonsense:]]", "[[:digit]]", "[[:Digit:]]", "[[.-.]]", "[[=a=]]", "[[:]", "[[.a]",
        "[:digit:]", "[!:digit:]", "[:digit:]*",
        /* Ranges that have no meaning. */
        "[z-a]", "[!z-a]", "[a-[:digit:]]", "[\xE2\x82\xAC-a]",
        /* A backslash with nothing to quote. */
        "\\", "a\\", "a\\/b", "\\\\\\",
        /* Not UTF-8. */
        "\xA4", "a*\xFF", "[\xC3]"};

    for (size_t i = 0; i < COUNT(wrong); i++) {
        if (glob_fault(wrong[i], strlen(wrong[i])) == NULL)
            check_fail(__FILE__, __LINE__, wrong[i]);
    }
    CHECK(glob_fault("", 0) == NULL && glob_fault("*/[a]b/]", 8) == NULL);
}

/* A number below `count`, always in the same order. */
static size_t choose(size_t count)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's */
    return (size_t)(state >> 33) % count;
}

/* Up to `most` parts. */
static void join_parts(char *text, const char *const *parts, size_t count, size_t most)
{
    text[0] = '\0';
    for (size_t left = choose(most + 1); left > 0; left--)
        text = stpcpy(text, parts[choose(count)]);
}

/* Puts a longer character in the place of 'x' and 'y'. */
static void widen(const char *narrow, char *ret)
{
    *ret = '\0';
    for (; *narrow != '\0'; narrow++) {
        const char same[] = {*narrow, '\0'};
        ret = stpcpy(ret, *narrow == 'x' ? "\xC3\xA4" : *narrow == 'y' ? "\xE2\x82\xAC" : same);
    }
}

/*
 * Every pattern that is not refused means what fnmatch(3) means by it. It sees characters of one
 * byte, since glibc's compares bytes, too, where characters do not match.
 */
static void check_against_fnmatch(void)
{
    static const char *const pattern_parts[] = {
        "*",  "*", "?", "[", "[",     "[!",        "[^",        "]",        "]", "-",
        "\\", "/", ".", "a", "b",     "c",         "0",         "!",        "^", ":",
        "x",  "y", "y", "x", "[a-c]", "[:digit:]", "[:alpha:]", "[:punct:]"};
    static const char *const text_parts[] = {"a", "b", "c", "0", "9",  "-", "/", ".",
                                             "!", "^", ":", "x", "\\", "y", "[", "]"};
    unsigned valid = 0;
    unsigned matching = 0;

    for (int i = 0; i < 300000; i++) {
        char pattern[128];
        char text[16];
        char wide[2][384];
        join_parts(pattern, pattern_parts, COUNT(pattern_parts), 10);
        widen(pattern, wide[0]);
        if (glob_fault(wide[0], strlen(wide[0])) != NULL)
            continue;
        valid++;
        for (int tries = 0; tries < 8; tries++) {
            join_parts(text, text_parts, COUNT(text_parts), 5);
            /* Classes hold ASCII only. */
            if (strstr(pattern, "[:") != NULL && strpbrk(text, "xy") != NULL)
                continue;
            widen(text, wide[1]);
            bool expected = fnmatch(pattern, text, FNM_PATHNAME) == 0;
            matching += expected;
            if (matches(wide[0], wide[1]) != expected) {
                (void)fprintf(stderr, "'%s', '%s': ", pattern, text);
                check_fail(__FILE__, __LINE__, expected ? "it should match" : "it should not");
            }
        }
    }
    CHECK(valid > 10000 && matching > 1000);
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

    /* A long set is compiled once, so that comparing a character with it costs little. */
    char set[4000];
    struct glob *glob = glob_compile(set, (size_t)snprintf(set, sizeof set, "*[%0*d]", 3900, 0));
    CHECK(glob != NULL && glob->count == 2);
    start = clock();
    for (int i = 0; glob != NULL && i < 10000; i++)
        CHECK(!glob_matches(glob, text, 255));
    CHECK(clock() - start < 5 * CLOCKS_PER_SEC);
    free(glob);
}

int main(void)
{
    check_stars();
    check_slashes();
    check_characters();
    check_classes();
    check_backslash();
    check_faults();
    check_against_fnmatch();
    check_time();
    return 0;
}
