#include <stdlib.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/download.h"
#include "cli/json.h"
#include "cli/output.h"
#include "protocol/value.h"

enum {
    STATUS_MOST = 64 * 1024, /* bytes that a status may have */
};

/* What a daemon reports: each key and its value, both with a NUL. */
struct status {
    size_t length;
    char text[STATUS_MOST];
};

static int keep_line(void *context, const struct line *line, struct failure *failure)
{
    static const char in_keys[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const struct field *key = &line->fields[0];
    const struct field *value = &line->fields[1];
    struct status *status = context;

    /* The bytes of a field are followed by a NUL; one inside it is not allowed. */
    if (!line_has_positionals(line, 2) || strspn(key->bytes, in_keys) != key->length ||
        strlen(value->bytes) != value->length)
        return fail(failure, REASON_BREACH, "status", "the server sent an invalid line");
    for (size_t i = 0; i < 2; i++) {
        size_t length = line->fields[i].length + 1;
        if (length > sizeof status->text - status->length)
            return fail(failure, REASON_BREACH, "status",
                        "the server sent more than a status can hold");
        memcpy(status->text + status->length, line->fields[i].bytes, length);
        status->length += length;
    }
    return 0;
}

int status_run(struct invocation *invocation)
{
    struct status *status = calloc(1, sizeof *status);
    struct connection *connection = &invocation->connection;
    bool as_json = invocation_has(invocation, OPTION_JSON);
    struct json json = {.count = 0};

    if (status == NULL)
        return fail_errno(invocation->failure, REASON_INTERNAL, "status", "no memory");
    int code = connection_ready(connection);
    if (code == 0) {
        (void)stream_print(&connection->stream, "STATUS\n");
        code = connection_ask(connection, "status", ANSWER_OK);
    }
    if (code == 0)
        code = download_lines(connection, "status", keep_line, status);

    for (size_t at = 0; code == 0 && at < status->length;) {
        const char *key = status->text + at;
        const char *value = key + strlen(key) + 1;
        at = (size_t)(value - status->text) + strlen(value) + 1;
        int64_t number = 0;
        if (!as_json)
            (void)output_print_field(key, " ", value);
        else if (value_number(value, strlen(value), &number))
            json_number(&json, key, number);
        else
            json_text(&json, key, value);
    }
    if (code == 0 && as_json)
        (void)json_end(&json);
    free(status);
    return code < 0 ? code : output_flush(invocation->failure);
}
