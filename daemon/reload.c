#include "daemon/reload.h"

#include <stdlib.h>

#include "daemon/access.h"
#include "daemon/child.h"
#include "daemon/log.h"
#include "protocol/reason.h"

/* What the child tries. */
struct attempt {
    const struct command_line *line;
    const char *text;
};

static int complain(const char *cause)
{
    log_event(LOG_LEVEL_ERROR, "reload failed, the old settings stay in use", "cause", cause, NULL);
    return -REASON_USAGE;
}

static int try_settings(const void *argument, char fault[FAULT_LINE_ROOM])
{
    const struct attempt *attempt = argument;
    struct settings settings;
    struct fault found;
    int code = command_line_settings(attempt->line, attempt->text, &settings, &found);

    if (code < 0)
        (void)fault_print(&found, fault);
    return code;
}

/*
 * The text is valid: a child has tried it. Returns 0; or a reason with a sentence in `fault`, and the
 * settings are as before.
 */
static int take_settings(const struct command_line *line, const char *text,
                         struct settings *settings, char fault[FAULT_LINE_ROOM])
{
    struct fault ignored;
    struct settings before = *settings;

    /* A configuration has a pointer to its values, which have moved. */
    before.configuration.values = &before;
    (void)command_line_settings(line, text, settings, &ignored);
    if (access_resolve(settings, fault) < 0) {
        settings_release(settings);
        *settings = before;
        settings->configuration.values = settings;
        return -REASON_UNAVAILABLE;
    }
    for (const struct setting *row = settings_table; row->name != NULL; row++) {
        if (!row->is_fixed ||
            configuration_is_equal(&settings->configuration, &before.configuration, row))
            continue;
        log_event(LOG_LEVEL_WARNING, "a changed setting needs a restart", "setting", row->name,
                  NULL);
        configuration_copy(&settings->configuration, &before.configuration, row);
    }
    settings_release(&before);
    return 0;
}

int reload_settings(const struct command_line *line, struct settings *settings)
{
    struct fault fault;
    char sentence[FAULT_LINE_ROOM];
    char *text = command_line_load(line, &fault);

    if (text == NULL)
        return complain(fault_print(&fault, sentence));
    const struct attempt attempt = {.line = line, .text = text};
    /* In a child, because libconfig ends the process for some files. */
    int code = child_try(try_settings, &attempt, sentence);
    if (code == 0)
        code = take_settings(line, text, settings, sentence);
    if (code < 0)
        code = complain(sentence[0] != '\0' ? sentence : "the file is not a valid configuration");
    else
        log_set_level((enum log_level)settings->log_level);
    free(text);
    return code;
}
