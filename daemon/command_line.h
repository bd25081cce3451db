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
    ACTION_CHECK,          /* report what would make a start fail */
    ACTION_CHECK_SYNTAX,   /* read the settings, and no more */
    ACTION_PRINT_CONFIG,   /* print what is in force */
    ACTION_PRINT_IDENTITY, /* print the fingerprint of the daemon's key, and make one if need be */
    ACTION_PRINT_SETTINGS, /* print the table */
    ACTION_VERSION,
    ACTION_HELP,
};

/* A setting that an option gives. */
struct given_setting {
    const struct setting *row;
    char *text; /* a path is absolute */
};

struct command_line {
    enum action action;
    bool foreground;
    char *config;         /* absolute */
    bool config_is_given; /* else it is the default, which need not exist */
    struct given_setting *given;
    size_t given_count;
};

/*
 * Parses argv. Paths become absolute, so that they mean the same when the working folder is another.
 * Returns 0, or -REASON_USAGE with a fault. In both cases command_line_release() frees it.
 */
int command_line_read(struct command_line *line, int argc, char **argv, struct fault *fault);
void command_line_release(struct command_line *line);

/*
 * The same step by step, for a program with other options: begins without any, sets the
 * configuration file that --config names, and adds an option that is a setting.
 */
void command_line_init(struct command_line *line);
void command_line_take_config(struct command_line *line, const char *path);
void command_line_take(struct command_line *line, const struct setting *row, const char *text);

/* The configuration files: that of --config, and those of the folder that it includes. */
struct config_files {
    size_t count;
    struct config_file {
        char *path;
        char *text;
    } * files;
};

/*
 * Loads the configuration file, as configuration_load() does. The default one need not exist. Returns
 * 0, or -REASON_USAGE with a fault, which may point to the files. In both cases
 * command_line_unload() frees them.
 */
int command_line_load(const struct command_line *line, struct config_files *files,
                      struct fault *fault);
void command_line_unload(struct config_files *files);

/*
 * Parses it to find the folder that it includes, and loads all files there whose names end in ".conf"
 * and do not begin with a dot, in the order of their bytes. Nobody else may be able to change them.
 * Returns as command_line_load().
 */
int command_line_include(struct config_files *files, struct fault *fault);

/*
 * Sets what the files set, without the options. libconfig may end the process for some texts; see
 * configuration_parse(). Returns as command_line_load(), with the settings to be released.
 */
int command_line_parse(const struct config_files *files, struct settings *settings,
                       struct fault *fault);

/*
 * Fills settings from the files, and from the options, which win. Returns 0, or -REASON_USAGE with a
 * fault. In both cases settings_release() frees them.
 */
int command_line_settings(const struct command_line *line, const struct config_files *files,
                          struct settings *settings, struct fault *fault);

/* The text of --help, to be freed; NULL when there is no memory. */
char *command_line_help(void);

#endif
