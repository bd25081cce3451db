/*
 * fsd: serves a file library.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/background.h"
#include "daemon/command_line.h"
#include "daemon/counters.h"
#include "daemon/listener.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/parent.h"
#include "daemon/pid_file.h"
#include "daemon/pool.h"
#include "daemon/self_test.h"
#include "daemon/settings.h"
#include "daemon/store/library.h"
#include "daemon/store/stage.h"
#include "daemon/sweeper.h"
#include "daemon/systemd.h"
#include "protocol/descriptor.h"

enum {
    EXIT_USAGE = 2,
};

/* What a daemon has open. */
struct daemon {
    const struct systemd *systemd;
    struct library library;
    struct counters *counters;
    struct listener listener;
    int pid_file;
    struct pool pool;
};

static int complain_of_library(const struct settings *settings, const char *fault)
{
    (void)fprintf(stderr, "fsd: library %s: %s\n", settings->library, fault);
    return EXIT_FAILURE;
}

static int complain(const char *subject, const char *fault)
{
    (void)fprintf(stderr, "fsd: %s%s%s\n", subject, subject[0] != '\0' ? ": " : "", fault);
    return EXIT_FAILURE;
}

/*
 * As many descriptors as the system allows: the parent and a worker with threads hold some for each
 * session, and a deep listing holds one for each folder on its way.
 */
static void raise_descriptors(const struct settings *settings)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max / 2 < (rlim_t)settings->sessions)
        log_event(LOG_LEVEL_WARNING,
                  "the limit of open files (ulimit -n) is too low for limits.sessions", NULL);
}

/* What the caller left in the environment is no business of a daemon, but for the time zone. */
static void clear_environment(void)
{
    char *zone = getenv("TZ");

    zone = zone != NULL ? strdup(zone) : NULL;
    (void)clearenv();
    if (zone != NULL)
        (void)setenv("TZ", zone, 1);
    free(zone);
}

static void open_log(const struct settings *settings, bool is_foreground)
{
    log_set_level((enum log_level)settings->log_level);
    log_look_for_journal();
    if (settings->log_to == LOG_TARGET_SYSLOG ||
        (settings->log_to == LOG_TARGET_AUTO && !is_foreground))
        log_to_syslog();
}

/* What sessions need, however they come. */
static int open_daemon(struct daemon *daemon, const struct settings *settings, bool is_foreground)
{
    const char *wrong = NULL;

    open_log(settings, is_foreground);
    if (library_open(&daemon->library, settings->library, settings->records, &wrong) < 0)
        return complain_of_library(settings, wrong);
    clear_environment();
    raise_descriptors(settings);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that is too large is an error of write(2) */
    daemon->counters = counters_open();
    return daemon->counters != NULL ? EXIT_SUCCESS : complain("", strerror(errno));
}

static const char *pid_file_failure(void)
{
    if (errno == EAGAIN)
        return "another daemon has this file";
    return errno == EEXIST ? "something that is no pid file is there" : strerror(errno);
}

/* The pid file, whose lock comes before anybody can connect, and the listener. */
static int open_listener(struct daemon *daemon, const struct settings *settings)
{
    char fault[LISTENER_FAULT_ROOM];

    if (settings->pid_file != NULL && (daemon->pid_file = pid_file_make(settings->pid_file)) < 0)
        return complain(settings->pid_file, pid_file_failure());
    int opened = listener_open(&daemon->listener, settings, daemon->systemd, fault);
    if (opened == 0)
        return EXIT_SUCCESS;
    pid_file_remove(settings->pid_file, daemon->pid_file);
    (void)complain("", fault);
    return opened == -REASON_USAGE ? EXIT_USAGE : EXIT_FAILURE;
}

/* What uploads have left behind when a daemon before this one was killed. */
static void sweep_first(const struct daemon *daemon)
{
    struct stage_usage left;

    stage_measure(&daemon->library, NULL, &left);
    if (left.count > 0)
        sweeper_start(&daemon->pool.service);
}

/* Opens all that a daemon has, and serves. */
static int serve(struct daemon *daemon, const struct command_line *line, struct settings *settings)
{
    int ready = -1;
    char fault[SELF_TEST_FAULT_ROOM];

    if (!line->foreground && (ready = background_begin()) < 0)
        return complain("", strerror(errno));
    int code = open_daemon(daemon, settings, line->foreground);
    if (code != EXIT_SUCCESS)
        return code;
    if (self_test(&daemon->library, settings, fault) < 0)
        return complain_of_library(settings, fault);
    parent_catch_signals();
    code = open_listener(daemon, settings);
    if (code != EXIT_SUCCESS)
        return code;
    access_resolve(settings);
    pool_open(&daemon->pool, settings, &daemon->library, daemon->counters);
    daemon->pool.service.outlives = daemon->listener.is_given;
    if (!daemon->library.writable)
        log_event(LOG_LEVEL_WARNING, "the library is served read-only", "library",
                  settings->library, NULL);
    access_warm_up();
    (void)!chdir("/");
    if (ready >= 0)
        background_ready(ready, settings->log_to == LOG_TARGET_STDERR);
    sweep_first(daemon);
    systemd_notify(daemon->systemd, "READY=1");
    parent_serve(&daemon->listener, &daemon->pool, daemon->systemd, line, settings);
    systemd_notify(daemon->systemd, "STOPPING=1");
    /* From here on the next daemon may take this one's place. */
    listener_remove(&daemon->listener);
    pid_file_remove(settings->pid_file, daemon->pid_file);
    /* With sockets of systemd the next daemon does so at once; sessions end by themselves. */
    if (!daemon->listener.is_given)
        parent_drain(&daemon->pool);
    pool_close(&daemon->pool);
    return EXIT_SUCCESS;
}

/* One session on standard input and output, as inetd(8) or ssh(1) give them. */
static int serve_stdio(struct daemon *daemon, struct settings *settings)
{
    struct client client;

    closefrom(SYSTEMD_FIRST_SOCKET);
    int code = open_daemon(daemon, settings, false);
    if (code != EXIT_SUCCESS)
        return code;
    const struct service service = {
        .settings = settings, .library = &daemon->library, .counters = daemon->counters};
    access_identify_stdio(STDIN_FILENO, STDOUT_FILENO, settings, &client);
    memory_limit(memory_in_use(), settings->memory);
    counter_add(&daemon->counters->sessions, 1);
    counter_add(&daemon->counters->served, 1);
    serve_client(STDIN_FILENO, STDOUT_FILENO, &client, (uint64_t)getpid(), &service, -1, -1);
    return EXIT_SUCCESS;
}

static int print_text(char *text)
{
    int code = text != NULL && fputs(text, stdout) != EOF ? EXIT_SUCCESS : EXIT_FAILURE;

    free(text);
    return code;
}

static int print_settings(const struct setting *table, const char *within)
{
    char below[FAULT_NAME_ROOM];
    int code = EXIT_SUCCESS;

    for (const struct setting *row = table; code == EXIT_SUCCESS && row->name != NULL; row++) {
        (void)snprintf(below, sizeof below, "%s[].", row->name);
        code = print_text(setting_describe(row, within));
        if (code == EXIT_SUCCESS && printf("\n    %s\n", row->help) < 0)
            code = EXIT_FAILURE;
        if (code == EXIT_SUCCESS && row->members != NULL)
            code = print_settings(row->members, below);
    }
    return code;
}

/* What needs settings. */
static int act(const struct command_line *line, const struct systemd *systemd)
{
    struct fault fault;
    char sentence[FAULT_LINE_ROOM];
    char *text = command_line_load(line, &fault);
    struct settings settings = {.library = NULL};
    struct daemon daemon = {.systemd = systemd, .pid_file = -1};
    int code = EXIT_SUCCESS;

    if (text == NULL || command_line_settings(line, text, &settings, &fault) < 0) {
        (void)complain("", fault_print(&fault, sentence));
        code = EXIT_USAGE;
    } else if (line->action == ACTION_SERVE) {
        code = serve(&daemon, line, &settings);
    } else if (line->action == ACTION_STDIO) {
        code = serve_stdio(&daemon, &settings);
    } else if (line->action == ACTION_PRINT_CONFIG) {
        code = print_text(configuration_show(&settings.configuration));
    }
    free(text);
    settings_release(&settings);
    return code;
}

static int run(const struct command_line *line, const struct systemd *systemd)
{
    switch (line->action) {
    case ACTION_HELP:
        return print_text(command_line_help());
    case ACTION_VERSION:
        return printf("fsd %s\n", FSD_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    case ACTION_PRINT_SETTINGS:
        return print_settings(settings_table, "");
    default:
        return act(line, systemd);
    }
}

int main(int argc, char **argv)
{
    struct command_line line;
    struct systemd systemd;
    struct fault fault = {.file = NULL};
    char text[FAULT_LINE_ROOM];
    int code = EXIT_USAGE;

    descriptor_reserve_standard();
    systemd_read(&systemd);
    /*
     * Nothing else that the caller left open is ours: a pipe that is kept would never end for its
     * reader.
     */
    closefrom(SYSTEMD_FIRST_SOCKET + systemd.socket_count);
    (void)umask(S_IWGRP | S_IRWXO);
    if (command_line_read(&line, argc, argv, &fault) == 0)
        code = run(&line, &systemd);
    else
        (void)complain("", fault_print(&fault, text));
    command_line_release(&line);
    systemd_release(&systemd);
    if (line.action != ACTION_STDIO && fflush(stdout) != 0 && code == EXIT_SUCCESS)
        code = complain("standard output", strerror(errno));
    return code;
}
