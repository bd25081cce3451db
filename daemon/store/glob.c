#include "daemon/store/glob.h"

#include <stdint.h>
#include <string.h>

#include "protocol/utf8.h"

/* A piece of text that is read character by character. */
struct reader {
    const char *next;
    const char *end;
};

/* Bytes that are no UTF-8 are characters of their own, which no name has. */
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

/* Where the class that begins behind '[' is closed; NULL when it is not. */
static const char *class_end(const char *start, const char *end)
{
    if (start < end && *start == '!')
        start++;
    /* The first character belongs to the class, also when it is ']'. */
    return end - start < 2 ? NULL : memchr(start + 1, ']', (size_t)(end - start - 1));
}

static bool class_matches(struct reader class, uint32_t character)
{
    bool negated = *class.next == '!';
    bool found = false;

    if (negated)
        class.next++;
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

/* Matches one character against what the pattern has next, which is not '*'. */
static bool match_one(struct reader *pattern, uint32_t character)
{
    uint32_t wanted = take(pattern);

    if (wanted == '?')
        return character != '/';
    if (wanted != '[')
        return wanted == character;
    const char *end = class_end(pattern->next, pattern->end);
    if (end == NULL)
        return character == '[';
    struct reader class = {pattern->next, end};
    pattern->next = end + 1;
    return class_matches(class, character);
}

bool glob_matches(const char *pattern_bytes, size_t pattern_length, const char *text_bytes,
                  size_t text_length)
{
    struct reader pattern = {pattern_bytes, pattern_bytes + pattern_length};
    struct reader text = {text_bytes, text_bytes + text_length};
    /* Where to go on when what stands behind the last star does not fit: one character later. An
     * earlier star need not be tried again, since the last one can take what that would take. */
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
