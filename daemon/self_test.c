#include "daemon/self_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/memory.h"
#include "protocol/descriptor.h"

/* In the child: the end of `answer` is that of the trial, and what it says is its fault. */
static _Noreturn void try_it(const struct library *library, const struct settings *settings,
                             int answer)
{
    char fault[TRIAL_FAULT_ROOM] = "";

    memory_limit(memory_in_use(), settings->memory);
    int code = trial_run(library, fault);
    (void)!write(answer, fault, strlen(fault));
    _exit(-code);
}

/* What the child says, and the reason that it ends with; a crash is one, too. */
static enum reason hear(pid_t child, int answer, char fault[TRIAL_FAULT_ROOM])
{
    ssize_t got = 0;
    int status = 0;

    while ((got = read(answer, fault, TRIAL_FAULT_ROOM - 1)) < 0 && errno == EINTR)
        continue;
    fault[got > 0 ? got : 0] = '\0';
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status))
        return (enum reason)WEXITSTATUS(status);
    (void)snprintf(fault, TRIAL_FAULT_ROOM, "the self-test has crashed");
    return REASON_INTERNAL;
}

int self_test(const struct library *library, const struct settings *settings,
              char fault[TRIAL_FAULT_ROOM])
{
    int answer[2] = {-1, -1};

    if (!library->writable)
        return 0;
    pid_t child = pipe2(answer, O_CLOEXEC) == 0 ? fork() : -1;
    if (child == 0)
        try_it(library, settings, answer[1]);
    descriptor_close(answer[1]);
    enum reason reason = child > 0 ? hear(child, answer[0], fault) : REASON_INTERNAL;
    if (child < 0)
        (void)snprintf(fault, TRIAL_FAULT_ROOM, "no process for the self-test: %s",
                       strerror(errno));
    descriptor_close(answer[0]);
    if (reason == REASON_NO_SPACE)
        log_event(LOG_LEVEL_WARNING, "the self-test found no room", "cause", fault, NULL);
    return reason == REASON_NONE || reason == REASON_NO_SPACE ? 0 : -1;
}
