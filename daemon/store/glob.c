#include "daemon/store/glob.h"

#include <stdint.h>
#include <string.h>

#include "protocol/utf8.h"

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
        character = 0x110000U + (unsigned char)*reader->next;
        size = 1;
    }
    reader->next += size;
    return character;
}

/* Matches one character against the next part of the pattern, which is not '*'. */
static bool match_one(struct reader *pattern, uint32_t character)
{
    uint32_t wanted = take(pattern);

    if (wanted == '?')
        return character != '/';
    if (wanted != '[')
        return wanted == character;

    /* The first character of a class belongs to it even if it is ']'. */
    const char *first = pattern->next;
    bool negated = first < pattern->end && *first == '!';
    if (negated)
        first++;
    const char *end = pattern->end - first < 2
                          ? NULL
                          : memchr(first + 1, ']', (size_t)(pattern->end - first - 1));
    if (end == NULL)
        return character == '[';
    pattern->next = end + 1;

    bool found = false;
    struct reader class = {first, end};
    while (class.next < class.end) {
        uint32_t low = take(&class);
        uint32_t high = low;
        if (class.end - class.next >= 2 && *class.next == '-') {
            class.next++;
            high = take(&class);
        }
        found = found || (low <= character && character <= high);
    }
    return found != negated && character != '/';
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
        if (pattern.next < pattern.end && *pattern.next == '*') {
            after_star = ++pattern.next;
            retry = text;
            continue;
        }
        uint32_t character = take(&text);
        if (pattern.next < pattern.end && match_one(&pattern, character))
            continue;
        if (after_star == NULL || retry.next == retry.end || take(&retry) == '/')
            return false;
        text = retry;
        pattern.next = after_star;
    }
    while (pattern.next < pattern.end && *pattern.next == '*')
        pattern.next++;
    return pattern.next == pattern.end;
}
