/*
 * Patterns, with the meaning of fnmatch(3) with FNM_PATHNAME: '*', '?', '[a-z]', '[!a]' or '[^a]',
 * '[[:digit:]]', and a backslash before a character that stands for itself. None of them matches
 * '/'; a leading dot is a character like others. Characters are compared, not bytes, whatever the
 * locale is: ranges go by their numbers, and classes hold ASCII only.
 */
#ifndef PROTOCOL_GLOB_H
#define PROTOCOL_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Says what is wrong with a pattern, or NULL: what fnmatch(3) takes literally, or leaves open, is
 * refused, since it is most likely meant otherwise.
 */
const char *glob_fault(const char *bytes, size_t length);

enum glob_kind {
    GLOB_CHARACTER,
    GLOB_ANY,
    GLOB_STAR,
    GLOB_SET,
};

/* What one character is compared with, or a star. */
struct glob_part {
    enum glob_kind kind;
    uint32_t character;
    uint64_t ascii[2]; /* of a set: a bit for each of these characters that it has */
    const char *set;   /* the bytes after its "[", for the other characters */
    const char *set_end;
};

/* A pattern that is made ready, so that comparing takes little time even with a long one. */
struct glob {
    size_t count;
    struct glob_part parts[];
};

/*
 * Makes a pattern in which glob_fault() finds nothing ready. Its bytes must stay. Returns NULL when
 * there is no memory. The result is released by free(3).
 */
struct glob *glob_compile(const char *bytes, size_t length);

/*
 * Does the whole text match the pattern? At most, each character between two '/' is compared with
 * each part of the pattern.
 */
bool glob_matches(const struct glob *glob, const char *text_bytes, size_t text_length);

#endif
