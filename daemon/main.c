/*
 * fsd: serves a file library.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/background.h"
#include "daemon/listener.h"
#include "daemon/log.h"
#include "daemon/parent.h"
#include "daemon/process.h"
#include "daemon/settings.h"
#include "daemon/store/library.h"
#include "protocol/descriptor.h"

enum {
    EXIT_USAGE = 2,
    OPTIONS_MOST = 32, /* of the command line */
};

/* What the command line tells that is no setting. */
struct command {
    const char *config; /* NULL: the default, which need not exist */
    bool foreground;
    bool help;
    bool version;
};

static void print_help(void)
{
    (void)printf("Usage: fsd [OPTION]...\n"
                 "Serves a folder of files to shell scripts.\n\n"
                 "  --config FILE          settings (default: %s)\n",
                 FSD_CONFIG);
    settings_print_options();
    (void)printf("  --foreground           stay in the foreground, and log on stderr\n"
                 "  --version              print the version\n"
                 "  --help                 print this\n\n"
                 "See fsd(8) and fsd-protocol(7).\n");
}

static int complain(const char *fault)
{
    (void)fprintf(stderr, "fsd: %s\n", fault);
    return -1;
}

/* getopt_long(3) numbers: the settings' options by their place in the table, then ours. */
enum own_option {
    OWN_CONFIG = 1000,
    OWN_FOREGROUND,
    OWN_VERSION,
    OWN_HELP,
};

static const struct option own_options[] = {
    {"config", required_argument, NULL, OWN_CONFIG},
    {"foreground", no_argument, NULL, OWN_FOREGROUND},
    {"version", no_argument, NULL, OWN_VERSION},
    {"help", no_argument, NULL, OWN_HELP},
};

/* Goes once through the command line; `settings` is NULL when only `command` is to be filled. */
static int read_options(int argc, char **argv, struct command *command, struct settings *settings)
{
    char fault[SETTINGS_FAULT_ROOM];
    struct option options[OPTIONS_MOST + 1] = {{NULL, 0, NULL, 0}};
    size_t count = settings_option_count();
    int option = 0;

    for (size_t i = 0; i < count; i++)
        options[i] = (struct option){settings_option_name(i), required_argument, NULL, (int)i + 1};
    memcpy(options + count, own_options, sizeof own_options);
    optind = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return -1;
        command->config = option == OWN_CONFIG ? optarg : command->config;
        command->foreground = command->foreground || option == OWN_FOREGROUND;
        command->version = command->version || option == OWN_VERSION;
        command->help = command->help || option == OWN_HELP;
        if (option <= (int)count && settings != NULL &&
            settings_set_option(settings, (size_t)option - 1, optarg, fault) < 0)
            return complain(fault);
    }
    if (optind < argc) {
        (void)fprintf(stderr, "fsd: %s: fsd takes only options\n", argv[optind]);
        return -1;
    }
    return 0;
}

static int read_settings(int argc, char **argv, struct command *command, struct settings *settings)
{
    char fault[SETTINGS_FAULT_ROOM];
    const char *path = command->config != NULL ? command->config : FSD_CONFIG;

    if (settings_read_file(settings, path, command->config == NULL, fault) < 0)
        return complain(fault);
    /* Options win over the file. */
    if (read_options(argc, argv, command, settings) < 0)
        return -1;
    return settings_complete(settings, fault) < 0 ? complain(fault) : 0;
}

/* As many descriptors as the system allows: a deep listing holds one for each folder on its way. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Opens all that a daemon has, and serves. */
static int run(const struct settings *settings, int ready)
{
    const char *wrong = NULL;
    char fault[SETTINGS_FAULT_ROOM];
    struct library library;
    struct listener listener;
    struct process_model model;
    int code = EXIT_FAILURE;

    if (library_open(&library, settings->library, settings->records, &wrong) < 0) {
        (void)fprintf(stderr, "fsd: library %s: %s\n", settings->library, wrong);
        return EXIT_FAILURE;
    }
    raise_descriptors();
    parent_catch_signals();
    if (ready >= 0)
        log_to_syslog();
    int opened = listener_open(&listener, settings, fault);
    if (opened < 0) {
        (void)complain(fault);
        code = opened == -REASON_USAGE ? EXIT_USAGE : EXIT_FAILURE;
        goto close_library;
    }
    if (process_open(&model, settings, &library, &listener) < 0) {
        listener_remove(&listener);
        (void)complain(strerror(errno));
        goto close_library;
    }
    if (!library.writable)
        log_event(LOG_LEVEL_WARNING, "the library is served read-only", "library",
                  settings->library, NULL);
    if (ready >= 0)
        background_ready(ready);
    parent_serve(&listener, &model);
    process_close(&model);
    code = EXIT_SUCCESS;
close_library:
    library_close(&library);
    return code;
}

int main(int argc, char **argv)
{
    struct command command = {.config = NULL};
    struct settings settings;
    int ready = -1;
    int code = EXIT_USAGE;

    descriptor_reserve_standard();
    /*
     * Nothing that the caller left open is ours: a pipe that is kept would never end for its
     * reader.
     */
    closefrom(STDERR_FILENO + 1);
    (void)umask(S_IWGRP | S_IRWXO);
    settings_init(&settings);
    if (read_options(argc, argv, &command, NULL) < 0)
        goto out;
    if (command.help || command.version) {
        if (command.help)
            print_help();
        else
            (void)printf("fsd %s\n", FSD_VERSION);
        code = fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        goto out;
    }
    if (read_settings(argc, argv, &command, &settings) < 0)
        goto out;
    code = EXIT_FAILURE;
    if (!command.foreground && (ready = background_begin()) < 0) {
        (void)complain(strerror(errno));
        goto out;
    }
    code = run(&settings, ready);
out:
    settings_release(&settings);
    return code;
}
