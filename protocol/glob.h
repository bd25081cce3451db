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

/*
 * Says what is wrong with a pattern, or NULL: what fnmatch(3) takes literally, or leaves open, is
 * refused, since it is most likely meant otherwise.
 */
const char *glob_fault(const char *bytes, size_t length);

/*
 * Does the whole text match the pattern? The time is at most linear in the length of the text for
 * each part of the pattern.
 */
bool glob_matches(const char *pattern_bytes, size_t pattern_length, const char *text_bytes,
                  size_t text_length);

#endif
