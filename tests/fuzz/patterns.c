/*
 * Patterns: the input is a pattern, LF, and a name. Where both have a meaning for a pattern, ours is
 * that of fnmatch(3).
 */
#include "protocol/glob.h"

#include <fnmatch.h>

#include "protocol/name.h"
#include "tests/fuzz/fuzz.h"

enum {
    STARS_MOST = 6, /* fnmatch(3) takes exponentially long for many */
    WIDE_MOST = 0x7F,
};

static size_t count_stars(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += *text == '*';
    return count;
}

/* Characters beyond ASCII, in their order. */
struct wide {
    size_t count;
    uint32_t characters[WIDE_MOST];
};

static void note_wide(struct wide *wide, const char *text)
{
    for (uint32_t character = 0; *text != '\0' && wide->count < WIDE_MOST;) {
        size_t place = wide->count;
        text += utf8_decode(text, strlen(text), &character);
        while (place > 0 && wide->characters[place - 1] > character)
            place--;
        if (character < 0x80 || (place > 0 && wide->characters[place - 1] == character))
            continue;
        memmove(&wide->characters[place + 1], &wide->characters[place],
                (wide->count - place) * sizeof character);
        wide->characters[place] = character;
        wide->count++;
    }
}

/*
 * Makes each character a byte, in the same order: where fnmatch(3) knows UTF-8, its answers for
 * characters beyond ASCII differ between versions of libc.
 */
static void narrow(const struct wide *wide, const char *text, char *to)
{
    for (uint32_t character = 0; *text != '\0'; to++) {
        unsigned place = 0;
        text += utf8_decode(text, strlen(text), &character);
        while (place < wide->count && wide->characters[place] != character)
            place++;
        *to = (char)(character < 0x80 ? character : 0x80 + place);
    }
    *to = '\0';
}

static bool matches_in_libc(const char *pattern, const char *name, const struct wide *wide)
{
    char *narrow_pattern = malloc(strlen(pattern) + 1);
    char *narrow_name = malloc(strlen(name) + 1);

    CHECK(narrow_pattern != NULL && narrow_name != NULL);
    narrow(wide, pattern, narrow_pattern);
    narrow(wide, name, narrow_name);
    int result = fnmatch(narrow_pattern, narrow_name, FNM_PATHNAME);
    free(narrow_pattern);
    free(narrow_name);
    return result == 0;
}

static bool matches_pattern(const char *pattern, size_t length, const char *text,
                            size_t text_length)
{
    struct glob *glob = glob_compile(pattern, length);

    CHECK(glob != NULL);
    bool matches = glob_matches(glob, text, text_length);
    free(glob);
    return matches;
}

/* With a backslash before each of its bytes a name matches itself and nothing else. */
static void check_quoted(const char *name, size_t length, const char *other)
{
    char quoted[2 * NAME_LONGEST + 1];
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        if (strchr("*?[\\", name[i]) != NULL)
            quoted[used++] = '\\';
        quoted[used++] = name[i];
    }
    CHECK(glob_fault(quoted, used) == NULL && matches_pattern(quoted, used, name, length));
    CHECK(matches_pattern(quoted, used, other, strlen(other)) == (strcmp(name, other) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *end = size > 0 ? memchr(data, '\n', size) : NULL;

    if (end == NULL || memchr(data, '\0', size) != NULL)
        return 0;
    size_t pattern_length = (size_t)(end - (const char *)data);
    size_t name_length = size - pattern_length - 1;
    char *pattern = fuzz_text(data, pattern_length);
    char *name = fuzz_text((const uint8_t *)end + 1, name_length);

    struct wide wide = {.count = 0};
    const char *fault = glob_fault(pattern, pattern_length);
    bool matches = matches_pattern(pattern, pattern_length, name, name_length);
    if (name_is_valid(name, name_length)) {
        check_quoted(name, name_length, pattern);
        if (fault == NULL) {
            note_wide(&wide, pattern);
            note_wide(&wide, name);
        }
        if (fault == NULL && wide.count < WIDE_MOST && count_stars(pattern) <= STARS_MOST)
            CHECK(matches == matches_in_libc(pattern, name, &wide));
    }
    free(pattern);
    free(name);
    return 0;
}
