/*
 * fsd: serves a file library.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/access.h"
#include "daemon/child.h"
#include "daemon/command_line.h"
#include "daemon/counters.h"
#include "daemon/listener.h"
#include "daemon/log.h"
#include "daemon/parent.h"
#include "daemon/pid_file.h"
#include "daemon/self_test.h"
#include "daemon/settings.h"
#include "daemon/store/library.h"
#include "daemon/systemd.h"
#include "daemon/worker.h"
#include "protocol/descriptor.h"

enum {
    EXIT_USAGE = 2,
    FILES_USUAL = 4, /* that are open for a session */
    FILES_BUSY = 24, /* the most, with limits.depth folders on the way to a name */
};

static int complain(const char *subject, const char *fault)
{
    (void)fprintf(stderr, "fsd: %s%s%s\n", subject, subject[0] != '\0' ? ": " : "", fault);
    return EXIT_FAILURE;
}

static int complain_of_library(const struct settings *settings, const char *fault)
{
    (void)fprintf(stderr, "fsd: library %s: %s\n", settings->library, fault);
    return EXIT_FAILURE;
}

static int complain_of_pid_file(const struct settings *settings)
{
    return complain(settings->pid_file, errno == EAGAIN   ? "another daemon uses this file"
                                        : errno == EEXIST ? "the existing file is not a pid file"
                                        : errno == EPERM
                                            ? "others can write to the existing file (remove it)"
                                            : strerror(errno));
}

static void complain_of_address(const char *fault)
{
    (void)complain("", fault);
}

/* What a self-test has found. Returns EXIT_SUCCESS also when files can only be read. */
static int settle_library(struct daemon *daemon, int code, const char *fault)
{
    if (code < 0 && code != -REASON_DENIED && code != -REASON_NO_SPACE)
        return complain_of_library(daemon->settings, fault);
    if (code < 0)
        log_event(LOG_LEVEL_WARNING, "the library is served read-only", "library",
                  daemon->settings->library, "cause", fault, NULL);
    if (daemon->counters != NULL)
        atomic_store(&daemon->counters->unwritable, (uint64_t)-code);
    return EXIT_SUCCESS;
}

/* Others could replace files and folders in it, whatever their modes are. */
static void warn_of_exposed_library(const struct daemon *daemon)
{
    if (library_is_exposed(&daemon->library))
        log_event(LOG_LEVEL_WARNING, "others can write to the folder of the library", "library",
                  daemon->settings->library, NULL);
}

/*
 * Ignores all signals that have no meaning here, but would end a process: some programs take USR1
 * as a request to open their log again. QUIT, and signals that report a fault, keep their default.
 * No other program is executed, which would inherit this.
 */
static void ignore_signals(void)
{
    static const int ignored[] = {
        SIGPIPE,   SIGXFSZ, /* errors of write(2) */
        SIGUSR1,   SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR,
#ifdef SIGSTKFLT
        SIGSTKFLT,
#endif
    };

    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        (void)signal(ignored[i], SIG_IGN);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        (void)signal(number, SIG_IGN);
}

/*
 * How many files a process has open at most: 2 for each handshake; the parent 2 for each session; a
 * worker with threads so many that no client, with all of its sessions, can leave the others with none.
 */
static int64_t count_files(const struct settings *settings)
{
    int64_t share =
        settings->per_user > settings->per_address ? settings->per_user : settings->per_address;

    return 2 * settings->handshakes +
           (settings->concurrency == CONCURRENCY_PROCESS
                ? 2 * settings->sessions
                : FILES_USUAL * settings->sessions + (FILES_BUSY + settings->depth) * share);
}

/* Opens what sessions need, however they come. */
static int open_daemon(struct daemon *daemon, bool is_foreground)
{
    const struct settings *settings = daemon->settings;
    struct rlimit limit;
    char number[LOG_NUMBER_ROOM];
    char needed[LOG_NUMBER_ROOM];

    ignore_signals();
    daemon->counters = mmap(NULL, sizeof *daemon->counters, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    daemon->slots = slots_make(settings->sessions);
    daemon->rights_now = mmap(NULL, sizeof *daemon->rights_now, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (daemon->counters == MAP_FAILED || daemon->slots == NULL || daemon->rights_now == MAP_FAILED)
        return complain("", strerror(errno));
    daemon->counters->started_s = (int64_t)time(NULL);
    log_set_level((enum log_level)settings->log_level);
    bool has_log = log_open(settings->log_to, is_foreground, daemon->counters) == 0;
    /* The file may be that of a daemon of another user. */
    if (!has_log && daemon->line->action == ACTION_STDIO)
        has_log = log_open("syslog", is_foreground, daemon->counters) == 0;
    if (!has_log)
        return complain(settings->log_to, strerror(errno));
    if (library_open(&daemon->library, settings->library, settings->records) < 0)
        return complain_of_library(settings, strerror(errno));

    /* Keep nothing of the caller's environment but the time zone. */
    char *zone = getenv("TZ");
    zone = zone != NULL ? strdup(zone) : NULL;
    (void)clearenv();
    if (zone != NULL)
        (void)setenv("TZ", zone, 1);
    free(zone);

    /*
     * Open as many files as the system allows: the parent and a worker with threads have some for
     * each session.
     */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < (rlim_t)count_files(settings))
            log_event(LOG_LEVEL_WARNING,
                      "the limit of open files (ulimit -n) is too low for limits.sessions", "limit",
                      log_number((int64_t)limit.rlim_max, number), "needed",
                      log_number(count_files(settings), needed), NULL);
    }

    return EXIT_SUCCESS;
}

/*
 * Forks into the background. The caller's process waits here until the daemon listens, or ends
 * after an error, and exits with 0 or the daemon's exit code. The daemon returns from here, in a
 * session of its own, with a descriptor for report_ready(), or -1 with errno set.
 */
static int go_to_background(void)
{
    int word[2];
    char byte = 0;
    int status = 0;
    ssize_t got = 0;

    if (pipe2(word, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid < 0)
        return -1;
    if (pid == 0) {
        (void)close(word[0]);
        (void)setsid();
        return word[1];
    }

    (void)close(word[1]);
    while ((got = read(word[0], &byte, 1)) < 0 && errno == EINTR)
        continue;
    if (got == 1)
        _exit(EXIT_SUCCESS);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            _exit(EXIT_FAILURE);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

/* Lets the caller continue. Standard input, output and error become /dev/null. */
static void report_ready(int word)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
        (void)dup2(null, fd);
    (void)!write(word, "", 1);
    (void)close(word);
    if (null > STDERR_FILENO)
        (void)close(null);
}

/* Opens all that a daemon has, and serves. */
static int serve(struct daemon *daemon)
{
    struct settings *settings = daemon->settings;
    bool is_foreground = daemon->line->foreground;
    char fault[FAULT_LINE_ROOM];
    int word = -1;

    /* If the caller ignores it, waitpid(2) does not return how a child ended. */
    (void)signal(SIGCHLD, SIG_DFL);
    if (!is_foreground && (word = go_to_background()) < 0)
        return complain("", strerror(errno));
    int code = open_daemon(daemon, is_foreground);
    if (code != EXIT_SUCCESS)
        return code;
    code = settle_library(daemon, self_test(&daemon->library, settings, fault), fault);
    if (code != EXIT_SUCCESS)
        return code;
    warn_of_exposed_library(daemon);
    if (access_resolve(settings, fault) < 0)
        return complain("", fault);
    parent_catch_signals();
    /* First, so that its lock is held before anybody can connect. */
    if (settings->pid_file != NULL && (daemon->pid_file = pid_file_make(settings->pid_file)) < 0)
        return complain_of_pid_file(settings);
    code = listener_open(&daemon->listener, settings, daemon->systemd, fault);
    if (code < 0) {
        pid_file_remove(settings->pid_file, daemon->pid_file);
        complain_of_address(fault);
        return code == -REASON_USAGE ? EXIT_USAGE : EXIT_FAILURE;
    }
    if (listener_needs_tls(&daemon->listener) &&
        signer_open(&daemon->signer, settings, fault) < 0) {
        listener_remove(&daemon->listener);
        pid_file_remove(settings->pid_file, daemon->pid_file);
        return complain("", fault);
    }

    listener_log(&daemon->listener);
    access_warm_up();
    (void)!chdir("/");
    if (word >= 0)
        report_ready(word);
    log_become_stderr();
    parent_run(daemon);
    return EXIT_SUCCESS;
}

/* One session on standard input and output, as inetd(8) or ssh(1) give them. */
static int serve_stdio(struct daemon *daemon)
{
    struct client client;
    char fault[FAULT_LINE_ROOM];

    closefrom(SYSTEMD_FIRST_SOCKET);
    int code = open_daemon(daemon, false);
    if (code == EXIT_SUCCESS)
        code = settle_library(daemon, self_test_prepare(&daemon->library, true, fault), fault);
    if (code != EXIT_SUCCESS)
        return code;
    const struct service service = {.settings = daemon->settings,
                                    .library = &daemon->library,
                                    .counters = daemon->counters,
                                    .slots = daemon->slots,
                                    .rights_now = daemon->rights_now};
    if (access_identify_stdio(STDIN_FILENO, STDOUT_FILENO, daemon->settings, &client, fault) < 0) {
        (void)dprintf(STDOUT_FILENO, "FAIL unavailable " SERVE_UNIDENTIFIED "\n");
        return complain("", fault);
    }
    worker_limit_memory(worker_memory_in_use(), daemon->settings->memory);
    const struct wire wire = {.transport = &stream_plain, .in = STDIN_FILENO, .out = STDOUT_FILENO};
    serve_client(&wire, &client, (uint64_t)getpid(), slots_take(daemon->slots), &service, -1, -1);
    access_release(&client);
    log_sum_up_refusals(true);
    return EXIT_SUCCESS;
}

/*
 * Reports all that would make a start fail, with the exit code of the first of it. Makes, locks and
 * binds nothing.
 */
static int check(struct daemon *daemon)
{
    struct settings *settings = daemon->settings;
    char fault[FAULT_LINE_ROOM];
    int code = EXIT_SUCCESS;

    log_set_level((enum log_level)settings->log_level);
    if (library_open(&daemon->library, settings->library, settings->records) < 0) {
        code = complain_of_library(settings, strerror(errno));
    } else {
        code = settle_library(daemon, self_test_prepare(&daemon->library, false, fault), fault);
        warn_of_exposed_library(daemon);
    }
    if (log_check(settings->log_to) < 0)
        code = complain(settings->log_to, strerror(errno));
    if (settings->pid_file != NULL && pid_file_check(settings->pid_file) < 0)
        code = complain_of_pid_file(settings);
    bool needs_tls = false;
    int listens = listener_check(settings, daemon->systemd, complain_of_address, &needs_tls);
    if (listens < 0 && code == EXIT_SUCCESS)
        code = listens == -REASON_USAGE ? EXIT_USAGE : EXIT_FAILURE;
    if (access_resolve(settings, fault) < 0) {
        (void)complain("", fault);
        code = code == EXIT_SUCCESS ? EXIT_FAILURE : code;
    }
    if (needs_tls && signer_check(settings, fault) < 0) {
        (void)complain("", fault);
        code = code == EXIT_SUCCESS ? EXIT_FAILURE : code;
    }
    return code;
}

static int print_identity(const struct settings *settings)
{
    struct fingerprint fingerprint;
    char fault[FAULT_LINE_ROOM];
    char text[FINGERPRINT_ROOM];

    if (signer_fingerprint(settings, &fingerprint, fault) < 0)
        return complain("", fault);
    return puts(fingerprint_print(&fingerprint, text)) == EOF ? EXIT_FAILURE : EXIT_SUCCESS;
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

static int run(const struct command_line *line, const struct systemd *systemd)
{
    struct fault fault;
    char sentence[FAULT_LINE_ROOM];
    struct settings settings = {.library = NULL};
    struct config_files files;
    struct daemon daemon = {.systemd = systemd,
                            .line = line,
                            .settings = &settings,
                            .signer.channel = -1,
                            .pid_file = -1};
    int code = EXIT_SUCCESS;

    switch (line->action) {
    case ACTION_HELP:
        return print_text(command_line_help());
    case ACTION_VERSION:
        return printf("fsd %s\n", FSD_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    case ACTION_PRINT_SETTINGS:
        return print_settings(settings_table, "");
    default:
        break;
    }

    if (command_line_load(line, &files, &fault) < 0 || command_line_include(&files, &fault) < 0 ||
        command_line_settings(line, &files, &settings, &fault) < 0) {
        (void)complain("", fault_print(&fault, sentence));
        code = EXIT_USAGE;
    } else if (line->action == ACTION_SERVE) {
        code = serve(&daemon);
    } else if (line->action == ACTION_STDIO) {
        code = serve_stdio(&daemon);
    } else if (line->action == ACTION_CHECK) {
        code = check(&daemon);
    } else if (line->action == ACTION_PRINT_IDENTITY) {
        code = print_identity(&settings);
    } else if (line->action == ACTION_PRINT_CONFIG) {
        code = print_text(configuration_show(&settings.configuration));
    }
    command_line_unload(&files);
    settings_release(&settings);
    return code;
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
    /* Close what else the caller left open: a pipe kept open would never end for its reader. */
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
