#include "daemon/sweeper.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/store/stage.h"
#include "protocol/descriptor.h"

static _Noreturn void live(const struct service *service)
{
    char number[24];
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    descriptor_close_all_but(service->library->root, service->library->root);
    log_after_fork();
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    uint64_t removed = stage_sweep(service->library, service->settings->upload_age_ms);
    (void)snprintf(number, sizeof number, "%" PRIu64, removed);
    if (removed > 0)
        log_event(LOG_LEVEL_INFO, "swept", "stages", number, NULL);
    _exit(0);
}

void sweeper_start(const struct service *service)
{
    pid_t pid = service->library->writable ? fork() : 1;

    if (pid == 0)
        live(service);
    if (pid < 0)
        log_event(LOG_LEVEL_ERROR, "no sweeper", "cause", strerror(errno), NULL);
}
