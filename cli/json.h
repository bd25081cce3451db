/*
 * JSON (RFC 8259) on stdout, as JSON Lines: each line is an object of texts and numbers.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "cli/listing.h"

enum {
    JSON_TIME_ROOM = 40, /* bytes of a time with its NUL */
};

/* An object that is being printed. Begins as {0}. */
struct json {
    size_t count; /* of its members */
    int code;     /* the first failure of output_print(), or 0 */
};

/*
 * Add a member. The key must need no escapes. In a text, control characters, C1 too, are escaped;
 * bytes that are not valid UTF-8 become U+FFFD, because JSON cannot contain them.
 */
void json_text(struct json *json, const char *key, const char *text);
void json_number(struct json *json, const char *key, int64_t number);

/*
 * Adds size, mtime, digest and by, where they are known; no mtime after the year 9999. It is in
 * whole seconds, which every parser of dates can read; mtime_ns has the rest.
 */
void json_details(struct json *json, const struct entry *entry);

/* Prints a file or folder as an object of its own. Returns as output_print(). */
int json_entry(const struct entry *entry);

/* Ends the object and the line. Returns 0, or the first failure of output_print(). */
int json_end(struct json *json);

/*
 * Writes a time as in RFC 3339, in UTC or with the offset of the local zone (tzset(3)), with as many
 * decimals as it needs. Returns `text`, or NULL for one after the year 9999.
 */
const char *json_print_time(struct timespec time, bool is_local, char text[JSON_TIME_ROOM]);

#endif
