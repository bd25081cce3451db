#include "daemon/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/store/stage.h"
#include "protocol/descriptor.h"

void child_take_signals(void (*on_term)(int number))
{
    const struct sigaction term = {.sa_handler = on_term};
    sigset_t none;

    (void)sigaction(SIGTERM, &term, NULL);
    (void)signal(SIGINT, SIG_IGN); /* from a terminal: the parent decides what to do */
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGALRM, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int child_try(int (*job)(const void *argument, char fault[FAULT_LINE_ROOM]), const void *argument,
              char fault[FAULT_LINE_ROOM])
{
    int answer[2] = {-1, -1};
    int status = 0;
    ssize_t got = 0;

    fault[0] = '\0';
    pid_t pid = pipe2(answer, O_CLOEXEC) == 0 ? fork() : -1;
    if (pid == 0) {
        int code = job(argument, fault);
        (void)!write(answer[1], fault, strlen(fault));
        _exit(-code);
    }
    if (pid < 0)
        (void)snprintf(fault, FAULT_LINE_ROOM, "cannot start a process: %s", strerror(errno));
    descriptor_close(answer[1]);
    while (pid > 0 && (got = read(answer[0], fault, FAULT_LINE_ROOM - 1)) < 0 && errno == EINTR)
        continue;
    if (got > 0)
        fault[got] = '\0';
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    descriptor_close(answer[0]);
    return pid > 0 && WIFEXITED(status) ? -WEXITSTATUS(status) : -REASON_INTERNAL;
}

void child_sweep(const struct service *service)
{
    char number[LOG_NUMBER_ROOM];
    struct stage_swept swept;
    pid_t pid = fork();

    if (pid < 0)
        log_event(LOG_LEVEL_ERROR, "cannot start the sweeper", "cause", strerror(errno), NULL);
    if (pid != 0)
        return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int kept[] = {service->library->root, service->library->own};
    descriptor_close_all_but(kept, sizeof kept / sizeof kept[0]);
    child_take_signals(SIG_DFL);
    stage_sweep(service->library, service->settings->upload_age_ms, &swept);
    if (swept.removed > 0)
        log_event(LOG_LEVEL_INFO, "swept", "stages", log_number((int64_t)swept.removed, number),
                  NULL);
    if (swept.unreadable[0] != '\0')
        log_event(LOG_LEVEL_WARNING, "cannot sweep", "client", swept.unreadable, "cause",
                  strerror(swept.error), NULL);
    _exit(0);
}
