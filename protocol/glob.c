#include "protocol/glob.h"

#include <ctype.h>
#include <stdlib.h>
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
    uint32_t character = (unsigned char)*reader->next;
    size_t size = 1;

    if (character >= 0x80)
        size = utf8_decode(reader->next, (size_t)(reader->end - reader->next), &character);
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

/* Sets the bits of the ASCII characters that are in the set, and takes it. Returns as match_set(). */
static const char *take_set(struct reader *pattern, struct glob_part *part)
{
    const struct reader begin = *pattern;
    const char *fault = NULL;

    *part = (struct glob_part){.kind = GLOB_SET, .set = begin.next, .set_end = begin.end};
    for (uint32_t character = 0; fault == NULL && character < 0x80; character++) {
        bool matches = false;
        *pattern = begin;
        fault = match_set(pattern, character, &matches);
        if (matches)
            part->ascii[character / 64] |= UINT64_C(1) << character % 64;
    }
    return fault;
}

/* Takes the next part of a pattern. Returns what is wrong with it, or NULL. */
static const char *take_part(struct reader *pattern, struct glob_part *part)
{
    bool is_quoted = is_at(pattern, '\\');
    uint32_t character = is_quoted ? take_quoted(pattern) : take(pattern);

    if (!is_quoted && character == '[')
        return take_set(pattern, part);
    *part = (struct glob_part){.kind = is_quoted          ? GLOB_CHARACTER
                                       : character == '*' ? GLOB_STAR
                                       : character == '?' ? GLOB_ANY
                                                          : GLOB_CHARACTER,
                               .character = character};
    return character == NONE ? "a \"\\\" has no character after it (write \"\\\\\" to match one)"
                             : NULL;
}

static bool matches_part(const struct glob_part *part, uint32_t character)
{
    bool matches = false;

    switch (part->kind) {
    case GLOB_ANY:
        return character != '/';
    case GLOB_SET:
        if (character < 0x80)
            return (part->ascii[character / 64] & UINT64_C(1) << character % 64) != 0;
        struct reader set = {part->set, part->set_end};
        (void)match_set(&set, character, &matches);
        return matches;
    default:
        return part->character == character;
    }
}

const char *glob_fault(const char *bytes, size_t length)
{
    struct reader pattern = {bytes, bytes + length};
    struct glob_part ignored;
    const char *fault = NULL;

    while (pattern.next < pattern.end) {
        if (take(&pattern) >= NOT_UTF8)
            return "it is not valid UTF-8";
    }
    pattern.next = bytes;
    while (fault == NULL && pattern.next < pattern.end)
        fault = take_part(&pattern, &ignored);
    return fault;
}

struct glob *glob_compile(const char *bytes, size_t length)
{
    struct reader pattern = {bytes, bytes + length};
    struct glob *glob = malloc(sizeof *glob + length * sizeof glob->parts[0]);

    if (glob == NULL)
        return NULL;
    glob->count = 0;
    while (pattern.next < pattern.end)
        (void)take_part(&pattern, &glob->parts[glob->count++]);
    return glob;
}

bool glob_matches(const struct glob *glob, const char *text_bytes, size_t text_length)
{
    const struct glob_part *part = glob->parts;
    const struct glob_part *end = part + glob->count;
    struct reader text = {text_bytes, text_bytes + text_length};
    /* If what follows the last star does not match, try one character later. Earlier stars need not
     * be tried again: the last one can take whatever they would. */
    const struct glob_part *after_star = NULL;
    struct reader retry = text;

    while (text.next < text.end) {
        if (part < end && part->kind == GLOB_STAR) {
            after_star = ++part;
            retry = text;
            continue;
        }
        uint32_t character = take(&text);
        if (part < end && matches_part(part, character)) {
            part++;
            continue;
        }
        if (after_star == NULL || retry.next == retry.end || take(&retry) == '/')
            return false;
        text = retry;
        part = after_star;
    }
    while (part < end && part->kind == GLOB_STAR)
        part++;
    return part == end;
}
