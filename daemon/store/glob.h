/*
 * Patterns for LIST: '*', '?', '[a-z]', '[!a]'. None of them matches '/'.
 */
#ifndef STORE_GLOB_H
#define STORE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does the whole text match the pattern? Compares characters, not bytes. A '[' without ']' matches
 * itself. For each star the time is at most linear in the length of the text.
 */
bool glob_matches(const char *pattern, size_t pattern_length, const char *text, size_t text_length);

#endif
