#include "protocol/glob.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "protocol/utf8.h"

#define NONE     UINT32_MAX /* instead of a character */
#define NOT_UTF8 UINT32_C(0x110000)

/* Text that is read character by character. */
struct reader {
    const char *next;
    const char *end;
};

/* A byte that is not UTF-8 is a character of its own, which no name contains. */
static uint32_t take(struct reader *reader)
{
    uint32_t character = 0;
    size_t size = utf8_decode(reader->next, (size_t)(reader->end - reader->next), &character);

    if (size == 0) {
        character = NOT_UTF8 + (unsigned char)*reader->next;
        size = 1;
    }
    reader->next += size;
    return character;
}

static bool is_at(const struct reader *reader, char byte)
{
    return reader->next < reader->end && *reader->next == byte;
}

/* Is this "[:digit:]" in a set, or one of "[.", "[=", which also begin more than a character? */
static bool is_at_class(const struct reader *reader)
{
    return reader->end - reader->next >= 2 && reader->next[0] == '[' &&
           (reader->next[1] == ':' || reader->next[1] == '.' || reader->next[1] == '=');
}

/* Takes a character that a backslash may precede. Returns NONE at the end, or a '/'. */
static uint32_t take_quoted(struct reader *pattern)
{
    if (is_at(pattern, '\\'))
        pattern->next++;
    return pattern->next == pattern->end || *pattern->next == '/' ? NONE : take(pattern);
}

/* Matches a character against a class such as "[:digit:]". Returns what is wrong with it, or NULL. */
static const char *match_class(struct reader *pattern, uint32_t character, bool *ret)
{
    static const struct {
        const char *name;
        int (*has)(int character);
    } classes[] = {{"[:alnum:]", isalnum}, {"[:alpha:]", isalpha}, {"[:blank:]", isblank},
                   {"[:cntrl:]", iscntrl}, {"[:digit:]", isdigit}, {"[:graph:]", isgraph},
                   {"[:lower:]", islower}, {"[:print:]", isprint}, {"[:punct:]", ispunct},
                   {"[:space:]", isspace}, {"[:upper:]", isupper}, {"[:xdigit:]", isxdigit}};

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        size_t length = strlen(classes[i].name);
        if ((size_t)(pattern->end - pattern->next) < length ||
            memcmp(pattern->next, classes[i].name, length) != 0)
            continue;
        pattern->next += length;
        *ret = character < 0x80 && classes[i].has((int)character) != 0;
        return NULL;
    }
    return "a class is not one of fnmatch(3), such as [[:digit:]]";
}

/* Matches a character against what follows a "[". Returns what is wrong with it, or NULL. */
static const char *match_set(struct reader *pattern, uint32_t character, bool *ret)
{
    bool is_negated = is_at(pattern, '!') || is_at(pattern, '^');
    bool found = false;

    if (is_negated)
        pattern->next++;
    const char *first = pattern->next;
    /* The first character of a set belongs to it even if it is ']'. */
    while (pattern->next == first || !is_at(pattern, ']')) {
        bool matches = false;
        if (is_at_class(pattern)) {
            const char *fault = match_class(pattern, character, &matches);
            if (fault != NULL)
                return fault;
        } else {
            uint32_t low = take_quoted(pattern);
            uint32_t high = low;
            if (pattern->end - pattern->next >= 2 && pattern->next[0] == '-' &&
                pattern->next[1] != ']') {
                pattern->next++;
                if (is_at_class(pattern))
                    return "a range ends at a class";
                high = take_quoted(pattern);
            }
            if (low == NONE || high == NONE)
                return "a \"[\" has no \"]\" (write \"\\[\" to match the character)";
            if (high < low)
                return "a range ends before it begins";
            matches = low <= character && character <= high;
        }
        found = found || matches;
    }
    if (*first == ':' && pattern->next[-1] == ':' && pattern->next - first > 1)
        return "a class has two brackets, as in [[:digit:]]";
    pattern->next++;
    *ret = found != is_negated && character != '/';
    return NULL;
}

/*
 * Matches one character against the next part of the pattern, which is not '*'. Returns what is
 * wrong with that part, or NULL.
 */
static const char *match_one(struct reader *pattern, uint32_t character, bool *ret)
{
    if (is_at(pattern, '[')) {
        pattern->next++;
        return match_set(pattern, character, ret);
    }
    if (is_at(pattern, '\\')) {
        uint32_t wanted = take_quoted(pattern);
        *ret = wanted == character;
        return wanted == NONE ? "a \"\\\" has no character after it (write \"\\\\\" to match one)"
                              : NULL;
    }
    uint32_t wanted = take(pattern);
    *ret = wanted == '?' ? character != '/' : wanted == character;
    return NULL;
}

const char *glob_fault(const char *bytes, size_t length)
{
    struct reader pattern = {bytes, bytes + length};
    const char *fault = NULL;
    bool ignored = false;

    while (pattern.next < pattern.end) {
        if (take(&pattern) >= NOT_UTF8)
            return "it is not valid UTF-8";
    }
    pattern.next = bytes;
    while (fault == NULL && pattern.next < pattern.end)
        fault = match_one(&pattern, 0, &ignored);
    return fault;
}

bool glob_matches(const char *pattern_bytes, size_t pattern_length, const char *text_bytes,
                  size_t text_length)
{
    struct reader pattern = {pattern_bytes, pattern_bytes + pattern_length};
    struct reader text = {text_bytes, text_bytes + text_length};
    /* If what follows the last star does not match, try one character later. Earlier stars need not
     * be tried again: the last one can take whatever they would. */
    const char *after_star = NULL;
    struct reader retry = text;

    while (text.next < text.end) {
        bool matches = false;
        if (is_at(&pattern, '*')) {
            after_star = ++pattern.next;
            retry = text;
            continue;
        }
        uint32_t character = take(&text);
        if (pattern.next < pattern.end && match_one(&pattern, character, &matches) != NULL)
            return false;
        if (matches)
            continue;
        if (after_star == NULL || retry.next == retry.end || take(&retry) == '/')
            return false;
        text = retry;
        pattern.next = after_star;
    }
    while (is_at(&pattern, '*'))
        pattern.next++;
    return pattern.next == pattern.end;
}
