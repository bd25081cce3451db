#include "daemon/reload.h"

#include <stdlib.h>

#include "daemon/access.h"
#include "daemon/child.h"
#include "daemon/log.h"
#include "protocol/reason.h"

static int complain(const char *cause)
{
    log_event(LOG_LEVEL_ERROR, "reload failed, the old settings stay in use", "cause", cause, NULL);
    return -REASON_USAGE;
}

static int try_files(const void *argument, char sentence[FAULT_LINE_ROOM])
{
    struct settings settings;
    struct fault fault;

    settings_init(&settings);
    int code = command_line_parse(argument, &settings, &fault);
    if (code < 0)
        (void)fault_print(&fault, sentence);
    return code;
}

/*
 * Loads all configuration files, with texts that a child has tried, because libconfig ends the process
 * for some. Returns 0; or a reason with a sentence, which is empty when the child has ended so.
 */
static int load_files(const struct command_line *line, struct config_files *ret,
                      char sentence[FAULT_LINE_ROOM])
{
    struct fault fault;
    int code = command_line_load(line, ret, &fault);

    if (code == 0) {
        code = child_try(try_files, ret, sentence);
        if (code < 0)
            return code;
        code = command_line_include(ret, &fault);
    }
    if (code < 0)
        (void)fault_print(&fault, sentence);
    else if (ret->count > 1)
        code = child_try(try_files, ret, sentence);
    return code;
}

/* Returns 0; or a reason with a sentence, and the settings are as before. */
static int take_settings(const struct command_line *line, const struct config_files *files,
                         struct settings *settings, char sentence[FAULT_LINE_ROOM])
{
    struct fault fault;
    struct settings before = *settings;

    /* A configuration has a pointer to its values, which have moved. */
    before.configuration.values = &before;
    int code = command_line_settings(line, files, settings, &fault);
    if (code < 0)
        (void)fault_print(&fault, sentence);
    else
        code = access_resolve(settings, sentence);
    if (code < 0) {
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
    struct config_files files;
    char sentence[FAULT_LINE_ROOM] = "";
    int code = load_files(line, &files, sentence);

    if (code == 0)
        code = take_settings(line, &files, settings, sentence);
    if (code < 0)
        code = complain(sentence[0] != '\0' ? sentence : "the file is not a valid configuration");
    else
        log_set_level((enum log_level)settings->log_level);
    command_line_unload(&files);
    return code;
}
