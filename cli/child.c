#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/signals.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"

enum {
    END_MS = 3000, /* for a command to end after its descriptors were closed, or after a signal */
};

bool child_is_at_terminal(void)
{
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    descriptor_close(terminal);
    return terminal >= 0;
}

/* Waits until all of a command has ended, and reaps it. Returns false at the limit. */
static bool has_ended_within(pid_t pid, int64_t limit_ms, int *ret_status)
{
    int64_t until = clock_ms() + limit_ms;
    int64_t left = limit_ms;
    bool has_ended = false;
    sigset_t ends;
    sigset_t before;

    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &ends, &before);
    while (!(has_ended = signals_reap(pid, ret_status)) && left > 0) {
        const struct timespec limit = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
        (void)sigtimedwait(&ends, NULL, &limit);
        left = until - clock_ms();
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return has_ended;
}

int child_end(pid_t pid, bool hurry)
{
    int status = -1;
    bool has_ended = !hurry && has_ended_within(pid, END_MS, &status);
    int own = status;

    /* First to the command itself, which may end its own children better, as ssh does. */
    if (!has_ended && status < 0) {
        (void)kill(abs(pid), SIGTERM);
        (void)kill(pid, SIGCONT);
        (void)has_ended_within(abs(pid), END_MS, &status);
        has_ended = has_ended_within(pid, 0, &status);
    }
    if (!has_ended && status >= 0) {
        (void)kill(pid, SIGTERM);
        has_ended = has_ended_within(pid, END_MS, &status);
    }
    if (!has_ended)
        (void)kill(pid, SIGKILL);
    while (!has_ended)
        has_ended = has_ended_within(pid, END_MS, &status);
    return own;
}

/* In the child: becomes the command, or writes the errno to a descriptor. */
static void run(char *const argv[], enum child_pipe kind, int end, int report)
{
    if (kind == CHILD_READS) {
        (void)dup2(end, STDIN_FILENO);
    } else {
        (void)dup2(end, STDOUT_FILENO);
        /* Typed input is not a file, and a terminal that is not asked never keeps it waiting. */
        int nothing = isatty(STDIN_FILENO) ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
        if (nothing >= 0)
            (void)dup2(nothing, STDIN_FILENO);
    }
    (void)execvp(argv[0], argv);
    int error = errno;
    (void)!write(report, &error, sizeof error);
    _exit(error == ENOENT ? 127 : 126);
}

int child_start(struct child *child, char *const argv[], enum child_pipe kind,
                struct failure *failure)
{
    bool own_group = !child_is_at_terminal();
    bool reads = kind == CHILD_READS;
    int data[2] = {-1, -1};
    int report[2] = {-1, -1};
    int error = 0;
    pid_t pid = -1;

    *child = (struct child){.name = argv[0], .fd = -1, .until_ms = INT64_MAX};
    if (pipe2(data, O_CLOEXEC) == 0 && pipe2(report, O_CLOEXEC) == 0)
        pid = signals_fork(own_group);
    if (pid == 0)
        run(argv, kind, data[reads ? 0 : 1], report[1]);
    error = errno;
    descriptor_close(data[reads ? 0 : 1]);
    descriptor_close(report[1]);
    child->fd = data[reads ? 1 : 0];
    child->pid = own_group ? -pid : pid;
    /* Its end is close-on-exec, so this is the end of the pipe if the command runs. */
    if (pid > 0 && read(report[0], &error, sizeof error) != sizeof error)
        error = 0;
    descriptor_close(report[0]);
    if (error == 0) {
        /* A command that stops reading is a failure, which does not end us. */
        if (reads)
            signals_survive_pipe();
        /* Only our end: the other one is a description of its own. */
        (void)fcntl(child->fd, F_SETFL, O_NONBLOCK);
        return 0;
    }
    if (pid > 0)
        child_kill(child);
    descriptor_close(child->fd);
    *child = (struct child){.name = argv[0], .fd = -1};
    errno = error;
    return fail_errno(failure, REASON_COMMAND, argv[0], "cannot run the command");
}

bool child_has_ended(struct child *child, int64_t limit_ms)
{
    siginfo_t stop = {.si_pid = 0};
    int status = -1;

    if (child->has_ended)
        return true;
    (void)has_ended_within(abs(child->pid), limit_ms, &status);
    if (status >= 0) {
        child->has_ended = true;
        child->status = status;
        /* Its group is forgotten, unless there is something left in it. */
        (void)signals_reap(child->pid, &status);
        return true;
    }
    /* Seen twice: when we both are continued, after Ctrl-Z, it may be the last to notice. */
    bool is_stopped =
        waitid(P_PID, (id_t)abs(child->pid), &stop, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
        stop.si_pid != 0;
    bool was_seen = child->stopped_ms > 0 && clock_ms() - child->stopped_ms >= CHILD_LOOK_MS;
    if (!is_stopped)
        child->stopped_ms = 0;
    else if (child->stopped_ms == 0)
        child->stopped_ms = clock_ms();
    if (!is_stopped || !was_seen)
        return false;
    child_kill(child);
    child->was_stopped = true;
    child->status = stop.si_status;
    return true;
}

int child_write(struct child *child, const char *bytes, size_t length)
{
    while (length > 0) {
        struct pollfd polled = {.fd = child->fd, .events = POLLOUT};
        ssize_t written = write(child->fd, bytes, length);
        if (written >= 0) {
            bytes += written;
            length -= (size_t)written;
        } else if (errno == EAGAIN) {
            /* What it has left behind may hold the pipe open, but nobody knows how that ends. */
            bool is_full = poll(&polled, 1, CHILD_LOOK_MS) == 0;
            bool has_ended = child_has_ended(child, 0);
            child->is_cut_off =
                child->was_stopped || (is_full && has_ended) || clock_ms() >= child->until_ms;
        } else {
            child->is_cut_off = errno != EINTR;
        }
        if (child->is_cut_off)
            return -1;
    }
    return 0;
}

bool child_close(struct child *child)
{
    char pipe[32];
    int left = 0;

    /* With an end to read, we see what is left in the pipe. Without /proc nobody does. */
    (void)snprintf(pipe, sizeof pipe, "/proc/self/fd/%d", child->fd);
    int rest = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    descriptor_close(child->fd);
    child->fd = -1;
    while (!child_has_ended(child, CHILD_LOOK_MS) && clock_ms() < child->until_ms)
        continue;
    if (rest >= 0 && ioctl(rest, FIONREAD, &left) == 0 && left > 0)
        child->is_cut_off = true;
    descriptor_close(rest);
    return child->has_ended;
}

void child_kill(struct child *child)
{
    int ignored = 0;

    if (child->pid != 0 && !child->has_ended) {
        (void)child_end(child->pid, true);
        child->has_ended = true;
        child->status = SIGTERM;
    } else if (child->pid < 0 && !signals_reap(child->pid, &ignored)) {
        /* What the command has left in its group. */
        (void)kill(child->pid, SIGTERM);
        (void)child_end(child->pid, false);
    }
    descriptor_close(child->fd);
    child->fd = -1;
}

int child_check(const struct child *child, const char *subject, struct failure *failure)
{
    const int status = child->status;
    bool wants_terminal = status == SIGTTIN || status == SIGTTOU;

    if (!child->has_ended)
        return fail(failure, REASON_COMMAND, subject, "%s has not ended", child->name);
    if (child->was_stopped)
        return fail(failure, REASON_COMMAND, subject, "%s was stopped by signal %d%s", child->name,
                    status,
                    wants_terminal ? ", perhaps because it asked for input at the terminal" : "");
    if (WIFSIGNALED(status))
        return fail(failure, REASON_COMMAND, subject, "%s was killed by signal %d", child->name,
                    WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return fail(failure, REASON_COMMAND, subject, "%s ended with %d", child->name,
                    WEXITSTATUS(status));
    if (child->is_cut_off)
        return fail(failure, REASON_COMMAND, subject,
                    "%s ended with 0 before it had read all of it", child->name);
    return 0;
}
