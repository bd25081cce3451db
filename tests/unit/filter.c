#include "cli/filter.h"

#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"

/* Is the path, which ends in "/" for a folder, left out by rules such as "-*.o" or "+/a"? */
static bool excludes(const char *const *rules, size_t count, const char *path)
{
    struct filter filter = {.count = 0};
    char relative[256];
    size_t length = strlen(path);
    bool is_folder = path[length - 1] == '/';

    (void)snprintf(relative, sizeof relative, "%.*s", (int)(length - is_folder), path);
    for (size_t i = 0; i < count; i++) {
        CHECK(filter_fault(rules[i] + 1) == NULL);
        CHECK(filter_add(&filter, rules[i][0] == '-', rules[i] + 1) == 0);
    }
    bool excluded = filter_excludes(&filter, relative, is_folder);
    filter_free(&filter);
    return excluded;
}

static void check_table(void)
{
    static const struct {
        const char *rules[4];
        const char *out; /* paths that are left out */
        const char *in;
    } rows[] = {
        {{NULL}, "", "a a/ a/b"},
        /* Without a "/" it is about the last component. */
        {{"-*.o"}, "x.o a/x.o a/b/x.o .o x.o/", "x.c a.o/x.c o"},
        {{"-core"}, "core a/core core/", "score cores core/a"},
        {{"-a?c"}, "abc d/aXc", "ac abbc a/c"},
        {{"-[ab]"}, "a b x/a", "c ab"},
        {{"-[!ab]"}, "c", "a b"},
        {{"-\\*"}, "* a/*", "a"},
        {{"-*"}, "a a/ a/b .a", ""},
        /* With a final "/" about folders. */
        {{"-cache/"}, "cache/ a/cache/", "cache a/cache"},
        {{"-*/"}, "a/ a/b/", "a a/b"},
        /* With one at the beginning, from the folder on. */
        {{"-/a"}, "a a/", "b/a a/b"},
        {{"-/*"}, "a b/", "a/b"},
        {{"-/a/b"}, "a/b", "b x/a/b a"},
        {{"-/a/*/c"}, "a/b/c", "a/c a/b/b/c x/a/b/c"},
        {{"-/tmp/"}, "tmp/", "tmp a/tmp/"},
        /* With one in it, from any component on. */
        {{"-a/b"}, "a/b x/a/b x/y/a/b", "xa/b a/bx a/x/b a b"},
        {{"-a/*.o"}, "a/x.o b/a/x.o", "x.o a/b/x.o"},
        {{"-a/b/"}, "a/b/ x/a/b/", "a/b"},
        /* "**" */
        {{"-**"}, "a a/b a/", ""},
        {{"-/**"}, "a a/b a/", ""},
        {{"-**/a"}, "a x/a x/y/a", "b a/b"},
        {{"-**/a/b"}, "a/b x/a/b", "a/x/b"},
        {{"-a/**"}, "a/b a/b/c x/a/b a/b/", "a a/ b"},
        {{"-a/**/b"}, "a/x/b a/x/y/b z/a/x/b", "a/b a/x/bb"},
        {{"-/a/**/b/*"}, "a/x/b/c a/b/x/b/c", "a/b/c x/a/x/b/c a/x/b"},
        {{"-/**/a"}, "x/a x/y/a", "a"},
        {{"-**/"}, "a/ a/b/", "a a/b"},
        {{"-a/**/**/b"}, "a/x/y/b", "a/x/b a/b"},
        /* The first rule that matches counts. */
        {{"+*.c", "-*"}, "a.o d/ d/b", "a.c d/a.c"},
        {{"-*", "+*.c"}, "a.c a.o", ""},
        {{"+*/", "+*.c", "-*"}, "a.o d/a.o d", "d/ a.c d/a.c d/e/"},
        {{"+/keep/", "+/keep/**", "-*"}, "a b/ keep", "keep/ keep/a keep/b/c"},
        {{"-a/b", "+a", "-b"}, "a/b b x/b", "a x/a c"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t count = 0;
        while (count < COUNT(rows[i].rules) && rows[i].rules[count] != NULL)
            count++;
        for (int is_in = 0; is_in <= 1; is_in++) {
            char paths[128];
            char *rest = NULL;
            (void)snprintf(paths, sizeof paths, "%s", is_in ? rows[i].in : rows[i].out);
            for (char *path = strtok_r(paths, " ", &rest); path != NULL;
                 path = strtok_r(NULL, " ", &rest)) {
                if (excludes(rows[i].rules, count, path) == is_in) {
                    (void)fprintf(stderr, "row %zu, %s, path ", i, rows[i].rules[0]);
                    check_fail(__FILE__, __LINE__, path);
                }
            }
        }
    }
}

static void check_faults(void)
{
    static const char *const wrong[] = {
        "",   "/",     "//",    "a//b",    "//a", "a//",   ".",          "./a",  "../a",
        "..", "a/./b", "a/..",  "/./a",    "a**", "**a",   "a/**b/c",    "***",  "a/***",
        "[a", "a/[",   "[z-a]", "a/[b/c]", "a\\", "a\\/b", "[[:nope:]]", "\xA4", "a/\xFF"};
    static const char *const right[] = {"a",    "/a",   "a/",        "/a/", "a/b", "...",
                                        ".a",   "..a/", "**",        "/**", "**/", "a/**/b",
                                        "\\**", "a\\*", "\xC3\xA4*", "[*]", "- a", "!"};

    for (size_t i = 0; i < COUNT(wrong); i++) {
        if (filter_fault(wrong[i]) == NULL)
            check_fail(__FILE__, __LINE__, wrong[i]);
    }
    for (size_t i = 0; i < COUNT(right); i++) {
        if (filter_fault(right[i]) != NULL)
            check_fail(__FILE__, __LINE__, right[i]);
    }
}

/* A number below `count`, always in the same order. */
static size_t choose(size_t count)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's */
    return (size_t)(state >> 33) % count;
}

/* A path or a pattern in components. */
struct path {
    char text[64];
    const char *components[8];
    size_t count;
};

static void make_path(struct path *path, const char *const *words, size_t count)
{
    char *end = path->text;

    path->count = 1 + choose(5);
    for (size_t i = 0; i < path->count; i++) {
        path->components[i] = words[choose(count)];
        end = stpcpy(stpcpy(end, i > 0 ? "/" : ""), path->components[i]);
    }
}

/* The model: do these components of a pattern match all of these of a path? */
static bool model_matches(const char *const *pattern, size_t count, const char *const *path,
                          size_t left)
{
    if (count == 0)
        return left == 0;
    if (strcmp(pattern[0], "**") != 0)
        return left > 0 && fnmatch(pattern[0], path[0], 0) == 0 &&
               model_matches(pattern + 1, count - 1, path + 1, left - 1);
    for (size_t taken = 1; taken <= left; taken++) {
        if (model_matches(pattern + 1, count - 1, path + taken, left - taken))
            return true;
    }
    return false;
}

enum {
    WRONG = 3, /* of the parts below are refused: the last ones */
};

/* Random rules, in random order, against the model. */
static void check_against_model(void)
{
    static const char *const words[] = {"a", "b", "ab", "c"};
    static const char *const parts[] = {"a",  "b",    "*",   "a*", "?", "[ab]", "**",
                                        "*b", "[!a]", "\\a", ".",  "[", "***"};
    unsigned counts[2] = {0, 0};

    for (int i = 0; i < 100000; i++) {
        struct path pattern = {.count = 0};
        struct path path = {.count = 0};
        char rules[3][80];
        const char *pointers[3];
        size_t count = 1 + choose(3);
        bool is_folder = choose(2) == 0;
        int expected = -1; /* no rule has matched yet */
        make_path(&path, words, COUNT(words));
        for (size_t j = 0; j < count; j++) {
            bool is_anchored = choose(2) == 0;
            bool only_folders = choose(3) == 0;
            bool excluding = choose(2) == 0;
            make_path(&pattern, parts, choose(8) == 0 ? COUNT(parts) : COUNT(parts) - WRONG);
            (void)snprintf(rules[j], sizeof rules[j], "%c%s%s%s", excluding ? '-' : '+',
                           is_anchored ? "/" : "", pattern.text, only_folders ? "/" : "");
            pointers[j] = rules[j];
            bool is_wrong = false;
            for (size_t k = 0; k < pattern.count; k++)
                is_wrong = is_wrong || strcmp(pattern.components[k], ".") == 0 ||
                           strcmp(pattern.components[k], "[") == 0 ||
                           strcmp(pattern.components[k], "***") == 0;
            CHECK((filter_fault(pointers[j] + 1) != NULL) == is_wrong);
            if (is_wrong) {
                count = j;
                break;
            }
            size_t skipped = !is_anchored && strcmp(pattern.components[0], "**") == 0;
            bool found = false;
            for (size_t from = 0; from <= (is_anchored ? 0 : path.count); from++)
                found =
                    found || model_matches(pattern.components + skipped, pattern.count - skipped,
                                           path.components + from, path.count - from);
            if (found && (is_folder || !only_folders) && expected < 0)
                expected = excluding;
        }
        (void)stpcpy(path.text + strlen(path.text), is_folder ? "/" : "");
        counts[expected > 0]++;
        if (excludes(pointers, count, path.text) != (expected > 0)) {
            (void)fprintf(stderr, "%s (%zu rules), path ", rules[0], count);
            check_fail(__FILE__, __LINE__, path.text);
        }
    }
    CHECK(counts[0] > 5000 && counts[1] > 5000);
}

int main(void)
{
    check_table();
    check_faults();
    check_against_model();
    return 0;
}
