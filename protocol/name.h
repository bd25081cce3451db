/*
 * Names: where a file is in a library. Components joined by '/', valid UTF-8, no control
 * characters; fsd-protocol(7), "Names", has the rules.
 */
#ifndef PROTOCOL_NAME_H
#define PROTOCOL_NAME_H

#include <stdbool.h>
#include <stddef.h>

enum {
    NAME_LONGEST = 1023,          /* bytes of a whole name */
    NAME_COMPONENT_LONGEST = 255, /* bytes of one component, as NAME_MAX in POSIX */
    /* A name, or a folder's with '/' behind it, written by line_escape(), with its NUL. */
    NAME_ESCAPED_ROOM = 3 * (NAME_LONGEST + 1) + 1,
};

/* Is this one component that a name may have? It may hold no '/'. */
bool name_component_is_valid(const char *bytes, size_t length);

/* Is this a name? A valid one holds no NUL, so that its bytes may be used as a path. */
bool name_is_valid(const char *bytes, size_t length);

/* The length without the one '/' that may stand behind a folder's name. */
size_t name_length_without_slash(const char *bytes, size_t length);

/* What stands behind the last '/' of a name or path: all of it where there is none. */
const char *name_last_component(const char *name);

/* Why a name is refused, as the end of the sentence "NAME: ..."; NULL for a valid one. */
const char *name_fault(const char *bytes, size_t length);

#endif
