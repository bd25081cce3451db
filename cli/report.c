#include "cli/report.h"

#include "cli/json.h"
#include "cli/output.h"

void report_print(const char *name, const char *local, const char *done, int code,
                  const struct outcome *outcome)
{
    struct json json = {.count = 0};

    json_text(&json, "name", name);
    if (local != NULL)
        json_text(&json, "local", local);
    if (code < 0) {
        json_text(&json, "outcome", "failed");
        json_text(&json, "reason", reason_word(reason_of(code)));
        json_number(&json, "exit", reason_exit_code(reason_of(code)));
        json_text(&json, "message", complaint_last());
    } else {
        json_text(&json, "outcome", outcome->was_there ? "already there" : done);
        if (outcome->size >= 0)
            json_number(&json, "size", outcome->size);
        if (outcome->digest[0] != '\0')
            json_text(&json, "digest", outcome->digest);
    }
    (void)json_end(&json);
    /* Whoever reads it wants to know at once; that it cannot be written the end will tell. */
    (void)output_flush();
}
