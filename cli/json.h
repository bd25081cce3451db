/*
 * JSON (RFC 8259) on stdout, as JSON Lines: one object of texts and numbers a line.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "cli/listing.h"

enum {
    JSON_TIME_ROOM = 40, /* bytes of a time that json_print_time() writes, with its NUL */
};

/* An object on its way to stdout; begins as {0}. */
struct json {
    size_t count; /* of its members */
    int code;     /* 0, or the first failure of output_print(), which json_end() returns */
};

/*
 * Adds a member. Keys are literals that need no escapes. Control characters are escaped, C1 among
 * them; bytes that are no valid UTF-8 become U+FFFD, for JSON cannot hold them.
 */
void json_text(struct json *json, const char *key, const char *text);
void json_number(struct json *json, const char *key, int64_t number);

/*
 * Adds what is known of a file besides its name: size, mtime, if json_print_time() can write it,
 * digest and by.
 */
void json_details(struct json *json, const struct entry *entry);

/* Prints all that is known of a file or folder, as an object of its own. As output_print(). */
int json_entry(const struct entry *entry);

/* Ends object and line. As output_print(). */
int json_end(struct json *json);

/*
 * Writes a time as RFC 3339 has it, in UTC, with as many decimals as it needs. Returns `text`, or
 * NULL for one behind the year 9999.
 */
const char *json_print_time(struct timespec time, char text[JSON_TIME_ROOM]);

#endif
