/*
 * Names of files in a library: components joined by '/', valid UTF-8, no control characters.
 * fsd-protocol(7), "Names", has the rules.
 */
#ifndef PROTOCOL_NAME_H
#define PROTOCOL_NAME_H

#include <stdbool.h>
#include <stddef.h>

enum {
    NAME_LONGEST = 1023,          /* bytes of a whole name */
    NAME_COMPONENT_LONGEST = 255, /* bytes of one component, as NAME_MAX in POSIX */
    /* A name, or that of a folder with its final '/', written by line_escape(), with the NUL. */
    NAME_ESCAPED_ROOM = 3 * (NAME_LONGEST + 1) + 1,
};

/* Is this a valid component of a name? It may not contain a '/'. */
bool name_component_is_valid(const char *bytes, size_t length);

/* Is this a valid name? It contains no NUL, so it can be used as a path. */
bool name_is_valid(const char *bytes, size_t length);

/* The length of a folder's name without its final '/', if there is one. */
size_t name_length_without_slash(const char *bytes, size_t length);

/* What follows the last '/' of a name or path: all of it when there is none. */
const char *name_last_component(const char *name);

/* What is wrong with a name, as the end of the sentence "NAME: ..."; NULL for a valid name. */
const char *name_fault(const char *bytes, size_t length);

#endif
