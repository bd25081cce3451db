/*
 * Patterns of LIST: '*', '?', '[a-z]', '[!a]'; none of them matches '/'.
 */
#ifndef STORE_GLOB_H
#define STORE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does the whole text match the pattern? Characters are compared, not bytes; '[' without ']' stands
 * for itself. The time is at worst linear in the text for each star.
 */
bool glob_matches(const char *pattern, size_t pattern_length, const char *text, size_t text_length);

#endif
