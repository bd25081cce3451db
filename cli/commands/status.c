#include <stdlib.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/download.h"
#include "cli/json.h"
#include "cli/output.h"
#include "protocol/value.h"

enum {
    STATUS_MOST = 64 * 1024, /* bytes of a status that are taken */
};

/* What a daemon told of itself: each key and its value, a NUL behind both. */
struct status {
    size_t length;
    char text[STATUS_MOST];
};

static bool is_key(const struct field *field)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    /* Behind the bytes of a field stands a NUL; one inside is none of these. */
    return strspn(field->bytes, allowed) == field->length;
}

static int keep_line(void *context, const struct line *line, struct failure *failure)
{
    struct status *status = context;

    if (!line_has_positionals(line, 2) || line->count != 2 || !is_key(&line->fields[0]) ||
        strlen(line->fields[1].bytes) != line->fields[1].length)
        return fail(failure, REASON_BREACH, "status",
                    "the server sent what is no line of a status");
    for (size_t i = 0; i < 2; i++) {
        size_t length = line->fields[i].length + 1;
        if (length > sizeof status->text - status->length)
            return fail(failure, REASON_BREACH, "status",
                        "the server sent more than a status may hold");
        memcpy(status->text + status->length, line->fields[i].bytes, length);
        status->length += length;
    }
    return 0;
}

static void add_member(struct json *json, const char *key, const char *value)
{
    int64_t number = 0;

    if (value_number(value, strlen(value), &number))
        json_number(json, key, number);
    else
        json_text(json, key, value);
}

static void print(const struct status *status, bool as_json)
{
    struct json json = {.count = 0};

    for (size_t at = 0; at < status->length;) {
        const char *key = status->text + at;
        const char *value = key + strlen(key) + 1;
        at = (size_t)(value - status->text) + strlen(value) + 1;
        if (as_json)
            add_member(&json, key, value);
        else
            (void)output_print_field(key, " ", value);
    }
    if (as_json)
        (void)json_end(&json);
}

static int ask(struct connection *connection)
{
    int code = connection_ready(connection);

    if (code < 0)
        return code;
    (void)stream_print(&connection->stream, "STATUS\n");
    return connection_ask(connection, "status", ANSWER_OK);
}

int status_run(struct invocation *invocation)
{
    struct status *status = calloc(1, sizeof *status);
    int code = 0;

    if (status == NULL)
        return fail_errno(invocation->failure, REASON_INTERNAL, "status", "no memory");
    code = ask(&invocation->connection);
    if (code == 0)
        code = download_lines(&invocation->connection, "status", keep_line, status);
    if (code == 0)
        print(status, options_have(invocation->options, OPTION_JSON));
    free(status);
    return code < 0 ? code : output_flush(invocation->failure);
}
