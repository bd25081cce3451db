/*
 * The command line of fsd: what it is to do, and the options that are settings.
 */
#ifndef DAEMON_COMMAND_LINE_H
#define DAEMON_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/settings.h"
#include "settings/fault.h"

enum action {
    ACTION_SERVE,
    ACTION_STDIO,          /* one session, on stdin and stdout */
    ACTION_CHECK,          /* read the settings, and no more */
    ACTION_PRINT_CONFIG,   /* print what is in force */
    ACTION_PRINT_SETTINGS, /* print the table */
    ACTION_VERSION,
    ACTION_HELP,
};

/* An option that is a setting. */
struct said {
    const struct setting *row;
    char *text; /* a path is absolute */
};

struct command_line {
    enum action action;
    bool foreground;
    char *config;        /* absolute */
    bool config_is_said; /* else it is the default, which need not exist */
    struct said *said;
    size_t said_count;
};

/*
 * Parses argv. Returns 0, or -REASON_USAGE with a fault. Paths are made absolute, so that they mean
 * the same when the working folder is another. In both cases command_line_release() frees what it
 * owns.
 */
int command_line_read(struct command_line *line, int argc, char **argv, struct fault *fault);
void command_line_release(struct command_line *line);

/*
 * The same step by step, for a program with other options: begins with none, takes the
 * configuration file that --config names, and an option that is a setting.
 */
void command_line_init(struct command_line *line);
void command_line_take_config(struct command_line *line, const char *path);
void command_line_take(struct command_line *line, const struct setting *row, const char *text);

/* Reads the configuration file; as configuration_load(). The default one need not exist. */
char *command_line_load(const struct command_line *line, struct fault *fault);

/*
 * Fills settings from the text of the configuration file, and from the options, which win. Returns
 * 0, or -REASON_USAGE with a fault. In both cases settings_release() has to follow.
 */
int command_line_settings(const struct command_line *line, const char *text,
                          struct settings *settings, struct fault *fault);

/* The text of --help, to be freed; NULL when there is no memory. */
char *command_line_help(void);

#endif
