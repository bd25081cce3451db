#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum {
    NAME_ROOM = 32,
};

static const int numbers[] = {SIGHUP,  SIGINT,  SIGTERM, SIGPIPE, SIGQUIT,   SIGALRM, SIGUSR1,
                              SIGUSR2, SIGXCPU, SIGXFSZ, SIGIO,   SIGVTALRM, SIGPROF, SIGPWR};

/* For the handler. There is at most one file, and one command, at a time. */
static volatile sig_atomic_t has_file;
static int file_folder;
static char file_name[NAME_ROOM];
static volatile sig_atomic_t child;

static void tidy_and_die(int number)
{
    if (has_file)
        (void)unlinkat(file_folder, file_name, 0);
    if (child > 0)
        (void)kill((pid_t)child, SIGTERM);
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

void signals_catch(void)
{
    handle_all(tidy_and_die);
}

void signals_note_file(int folder, const char *name)
{
    file_folder = folder;
    (void)snprintf(file_name, sizeof file_name, "%s", name);
    has_file = 1;
}

void signals_forget_file(void)
{
    has_file = 0;
}

pid_t signals_fork(void)
{
    sigset_t all;
    sigset_t before;

    /* Block signals until the process is noted; the child must not run our handler either. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    pid_t pid = fork();
    int error = errno;
    if (pid == 0)
        handle_all(SIG_DFL);
    if (pid > 0)
        child = (sig_atomic_t)pid;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

void signals_forget_child(void)
{
    child = 0;
}
