#include "daemon/background.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the caller's process does: waits for the word, or for the end of the daemon. */
static _Noreturn void wait_for(pid_t daemon, int word)
{
    char byte = 0;
    int status = 0;
    ssize_t got = 0;

    do
        got = read(word, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got == 1)
        _exit(0);
    while (waitpid(daemon, &status, 0) < 0) {
        if (errno != EINTR)
            _exit(1);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int background_begin(void)
{
    int word[2];

    if (pipe2(word, O_CLOEXEC) < 0)
        return -1;
    /* Where the caller ignores it the daemon's exit code would be lost. */
    (void)signal(SIGCHLD, SIG_DFL);
    pid_t pid = fork();
    if (pid < 0)
        return -1;
    if (pid > 0) {
        (void)close(word[1]);
        wait_for(pid, word[0]);
    }
    (void)close(word[0]);
    (void)setsid();
    return word[1];
}

void background_ready(int descriptor, bool keep_error)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int last = keep_error ? STDOUT_FILENO : STDERR_FILENO;

    for (int fd = 0; null >= 0 && fd <= last; fd++)
        (void)dup2(null, fd);
    (void)!write(descriptor, "", 1);
    (void)close(descriptor);
    if (null > STDERR_FILENO)
        (void)close(null);
}
