#include "daemon/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/access.h"
#include "daemon/log.h"
#include "protocol/reason.h"

enum {
    LOGGED = 77, /* exit code of the child that has logged what is wrong; libconfig's own is 2 */
};

static int complain(const char *cause)
{
    log_event(LOG_LEVEL_ERROR, "the settings stay as they are", "cause", cause, NULL);
    return -REASON_USAGE;
}

/* What a child does, which may be ended by libconfig. */
static _Noreturn void try_in_child(const struct command_line *line, const char *text)
{
    struct settings settings;
    struct fault fault;
    char sentence[FAULT_LINE_ROOM];
    int code = command_line_settings(line, text, &settings, &fault);

    if (code < 0)
        (void)complain(fault_print(&fault, sentence));
    _exit(code < 0 ? LOGGED : 0);
}

/* Are these good settings? The child that finds out has logged it when they are not. */
static int try_settings(const struct command_line *line, const char *text)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        try_in_child(line, text);
    if (child < 0)
        return complain(strerror(errno));
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return complain(strerror(errno));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != LOGGED)
        return complain("the file is no configuration");
    return -REASON_USAGE;
}

static void keep_fixed(struct settings *settings, const struct settings *before)
{
    for (const struct setting *row = settings_table; row->name != NULL; row++) {
        if (!row->is_fixed ||
            configuration_is_equal(&settings->configuration, &before->configuration, row))
            continue;
        log_event(LOG_LEVEL_WARNING, "a setting has changed that needs a restart", "setting",
                  row->name, NULL);
        configuration_copy(&settings->configuration, &before->configuration, row);
    }
}

/* The text is a good one: nothing of this can fail any more. */
static void take_settings(const struct command_line *line, const char *text,
                          struct settings *settings)
{
    struct fault fault;
    struct settings before = *settings;

    /* The configuration of each knows where its values are. */
    before.configuration.values = &before;
    (void)command_line_settings(line, text, settings, &fault);
    access_resolve(settings);
    keep_fixed(settings, &before);
    settings_release(&before);
}

int reload_settings(const struct command_line *line, struct settings *settings)
{
    struct fault fault;
    char sentence[FAULT_LINE_ROOM];
    char *text = command_line_load(line, &fault);

    if (text == NULL)
        return complain(fault_print(&fault, sentence));
    int code = try_settings(line, text);
    if (code == 0) {
        take_settings(line, text, settings);
        log_set_level((enum log_level)settings->log_level);
        log_event(LOG_LEVEL_INFO, "settings read again", NULL);
    }
    free(text);
    return code;
}
