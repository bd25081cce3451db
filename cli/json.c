#include "cli/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "protocol/utf8.h"

enum {
    YEAR_LAST = 9999, /* of RFC 3339 */
};

static void add(struct json *json, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct json *json, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (json->code == 0)
        json->code = output_print_list(format, arguments);
    va_end(arguments);
}

static void print_key(struct json *json, const char *key)
{
    add(json, "%s\"%s\":", json->count++ > 0 ? "," : "{", key);
}

void json_text(struct json *json, const char *key, const char *text)
{
    size_t length = strlen(text);

    print_key(json, key);
    add(json, "\"");
    /* Stretches that need no escapes are printed in one piece. */
    for (size_t i = 0; i < length;) {
        uint32_t character = 0;
        size_t plain = 0;
        size_t size = 0;
        while (i + plain < length && plain < OUTPUT_LONGEST / 2 &&
               (size = utf8_decode(text + i + plain, length - i - plain, &character)) > 0 &&
               !utf8_is_control(character) && character != '"' && character != '\\')
            plain += size;
        if (plain > 0)
            add(json, "%.*s", (int)plain, text + i);
        else if (size == 0)
            add(json, "\\ufffd");
        else
            add(json, "\\u%04x", (unsigned)character);
        i += plain > 0 ? plain : size > 0 ? size : 1;
    }
    add(json, "\"");
}

void json_number(struct json *json, const char *key, int64_t number)
{
    print_key(json, key);
    add(json, "%lld", (long long)number);
}

void json_details(struct json *json, const struct entry *entry)
{
    char time[JSON_TIME_ROOM];

    if (entry->size >= 0)
        json_number(json, "size", entry->size);
    if (entry->has_mtime &&
        json_print_time((struct timespec){.tv_sec = entry->mtime.tv_sec}, false, time) != NULL) {
        json_text(json, "mtime", time);
        json_number(json, "mtime_ns", entry->mtime.tv_nsec);
    }
    if (entry->digest != NULL)
        json_text(json, "digest", entry->digest);
    if (entry->by != NULL)
        json_text(json, "by", entry->by);
}

int json_entry(const struct entry *entry)
{
    bool is_folder = entry->name[strlen(entry->name) - 1] == '/';
    struct json json = {.count = 0};

    json_text(&json, "name", entry->name);
    json_text(&json, "type", is_folder ? "folder" : "file");
    json_details(&json, entry);
    return json_end(&json);
}

int json_end(struct json *json)
{
    add(json, json->count == 0 ? "{}\n" : "}\n");
    return json->code;
}

const char *json_print_time(struct timespec time, bool is_local, char text[JSON_TIME_ROOM])
{
    struct tm fields;
    time_t shifted = time.tv_sec;
    long minutes = 0;
    size_t length = 0;

    /* RFC 3339 has no seconds of an offset, which some zones once had. */
    if (is_local && localtime_r(&time.tv_sec, &fields) != NULL)
        minutes = fields.tm_gmtoff / 60;
    shifted += minutes * 60;
    if (gmtime_r(&shifted, &fields) == NULL || fields.tm_year > YEAR_LAST - 1900)
        return NULL;
    length = strftime(text, JSON_TIME_ROOM, "%Y-%m-%dT%H:%M:%S", &fields);
    if (time.tv_nsec > 0) {
        length += (size_t)snprintf(text + length, JSON_TIME_ROOM - length, ".%09ld", time.tv_nsec);
        while (text[length - 1] == '0')
            length--;
    }
    if (is_local)
        (void)snprintf(text + length, JSON_TIME_ROOM - length, "%c%02ld:%02ld",
                       minutes < 0 ? '-' : '+', labs(minutes) / 60, labs(minutes) % 60);
    else
        memcpy(text + length, "Z", 2);
    return text;
}
