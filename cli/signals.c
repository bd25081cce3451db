#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/failure.h"

enum {
    NAME_ROOM = 32,
    COMMANDS_MOST = 2, /* at a time: that of the server, and that of --from-command */
};

static const int numbers[] = {SIGHUP,  SIGINT,  SIGTERM, SIGPIPE, SIGQUIT,   SIGALRM, SIGUSR1,
                              SIGUSR2, SIGXCPU, SIGXFSZ, SIGIO,   SIGVTALRM, SIGPROF, SIGPWR};

/* For the handler. There is at most one file at a time. */
static volatile sig_atomic_t has_file;
static int file_folder;
static char file_name[NAME_ROOM];
static char file_left[FAILURE_ROOM + sizeof "fsc: \n"]; /* the line that it cannot be removed */
static size_t file_left_length;
static volatile sig_atomic_t commands[COMMANDS_MOST]; /* as kill(2) takes them; 0 for none */

static void tidy_and_die(int number)
{
    console_clear();
    if (has_file && unlinkat(file_folder, file_name, 0) < 0 && errno != ENOENT)
        (void)!write(STDERR_FILENO, file_left, file_left_length);
    for (size_t i = 0; i < COMMANDS_MOST; i++) {
        if (commands[i] != 0)
            (void)kill((pid_t)commands[i], SIGTERM);
    }
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* Sets what is to be done at each signal that is not ignored. */
static void handle_all(void (*handler)(int))
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action;
        /* One that was ignored at the start stays ignored, as under nohup(1). */
        if (sigaction(numbers[i], NULL, &action) < 0 || action.sa_handler == SIG_IGN)
            continue;
        action = (struct sigaction){.sa_handler = handler};
        (void)sigfillset(&action.sa_mask);
        (void)sigaction(numbers[i], &action, NULL);
    }
}

/* At Ctrl-Z, the shell is to write where nothing is shown. */
static void tidy_and_stop(int number)
{
    const struct sigaction stop = {.sa_handler = SIG_DFL};
    struct sigaction ours;
    int error = errno;

    console_clear();
    (void)sigaction(number, &stop, &ours);
    /* SA_NODEFER: this stops us, until SIGCONT. */
    (void)raise(number);
    (void)sigaction(number, &ours, NULL);
    errno = error;
}

/* After SIGSTOP the shell has written over what was shown. */
static void forget_rows(int number)
{
    (void)number;
    console_forget_rows();
}

void signals_catch(void)
{
    struct sigaction stop = {.sa_handler = tidy_and_stop, .sa_flags = SA_RESTART | SA_NODEFER};
    struct sigaction action = {.sa_handler = forget_rows, .sa_flags = SA_RESTART};
    struct sigaction before;

    handle_all(tidy_and_die);
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&stop.sa_mask);
    (void)sigaction(SIGCONT, &action, NULL);
    if (sigaction(SIGTSTP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        (void)sigaction(SIGTSTP, &stop, NULL);
    /* If the caller ignores it, waitpid(2) does not return how a command ended. */
    (void)signal(SIGCHLD, SIG_DFL);
}

void signals_note_file(int folder, const char *name, const char *path)
{
    struct failure left;

    (void)fail(&left, REASON_LOCAL, path, "its temporary file %s is left beside it", name);
    file_left_length = (size_t)snprintf(file_left, sizeof file_left, "fsc: %s\n", left.text);
    file_folder = folder;
    (void)snprintf(file_name, sizeof file_name, "%s", name);
    has_file = 1;
}

void signals_forget_file(void)
{
    has_file = 0;
}

static void survive(int number)
{
    (void)number;
}

void signals_survive_pipe(void)
{
    struct sigaction action = {.sa_handler = survive, .sa_flags = SA_RESTART};
    struct sigaction before;

    /* One that is ignored would be ignored by every later command, too. */
    if (sigaction(SIGPIPE, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        (void)sigaction(SIGPIPE, &action, NULL);
}

pid_t signals_fork(bool own_group)
{
    sigset_t all;
    sigset_t before;

    /* What a process of the group leaves behind is then waited for, too. */
    if (own_group)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    /* Block signals until the process is noted; the child must not run our handler either. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    pid_t pid = fork();
    int error = errno;
    /* In both processes, because either may be the first to need it. */
    if (pid >= 0 && own_group)
        (void)setpgid(pid, pid);
    if (pid == 0)
        handle_all(SIG_DFL);
    /* What kills all of our group, as timeout(1) does, does not reach it there. */
    if (pid == 0 && own_group)
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (pid > 0)
        commands[commands[0] != 0] = (sig_atomic_t)(own_group ? -pid : pid);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

bool signals_reap(pid_t of, int *ret_status)
{
    sigset_t all;
    sigset_t before;
    pid_t ended = 0;
    int status = 0;

    /* Once all are reaped, their numbers may be given to others, which the handler must not end. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    while ((ended = waitpid(of, &status, WNOHANG)) > 0) {
        if (ended == abs(of))
            *ret_status = status;
    }
    for (size_t i = 0; i < COMMANDS_MOST; i++) {
        if (ended < 0 && commands[i] == of)
            commands[i] = 0;
    }
    /* Also what had left the group and has ended: a long run may start many commands. */
    while (commands[0] == 0 && commands[1] == 0 && waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return ended < 0;
}
