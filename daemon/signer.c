#include "daemon/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/child.h"
#include "daemon/log.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/passing.h"

enum {
    START_MS = 20000, /* how long the first one may take; the disk may be slow */
    CALM_MS = 1000,   /* from one start to the next, even if the first one ends at once */
};

/* Closes the channel, so that the signer ends. */
static void drop(struct signer *signer)
{
    descriptor_close(signer->channel);
    signer->channel = -1;
    signer->is_ready = false;
}

/* Returns the pid of a new signer; or -1 with errno set. */
static pid_t start(struct signer *signer)
{
    int pair[2] = {-1, -1};
    bool is_open = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0;
    pid_t pid = is_open ? fork() : -1;

    signer->started_ms = clock_ms();
    if (pid == 0) {
        const struct tls_owner owner = {.uid = geteuid(), .gid = getegid()};
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
            (void)dup2(null, fd);
        descriptor_close_all_but(&pair[1], 1);
        /* It ends with the channel, after the sessions that need it. */
        child_take_signals(SIG_IGN);
        signer->tls->signer_run(pair[1], signer->settings->identity, &owner);
        _exit(1);
    }
    descriptor_close(pair[1]);
    if (pid < 0) {
        descriptor_close(pair[0]);
        return -1;
    }
    signer->pid = pid;
    signer->channel = pair[0];
    signer->is_ready = false;
    return pid;
}

/* Loads the module, once. Returns NULL with a sentence in `fault` when that fails. */
static const struct tls *load(char fault[FAULT_LINE_ROOM])
{
    char why[TLS_FAULT_ROOM];
    const struct tls *tls = tls_load(why);

    if (tls == NULL)
        (void)snprintf(fault, FAULT_LINE_ROOM, "cannot use TLS: %s", why);
    return tls;
}

int signer_open(struct signer *signer, const struct settings *settings, char fault[FAULT_LINE_ROOM])
{
    char why[TLS_FAULT_ROOM];
    int code = -REASON_INTERNAL;

    *signer = (struct signer){.settings = settings, .channel = -1};
    signer->tls = load(fault);
    if (signer->tls == NULL)
        return code;
    if (start(signer) < 0)
        (void)snprintf(why, sizeof why, "cannot start the signer: %s", strerror(errno));
    else
        code = signer->tls->signer_start(signer->channel, NULL, clock_ms() + START_MS,
                                         &signer->identity, why);
    if (code < 0) {
        (void)snprintf(fault, FAULT_LINE_ROOM, "%s: %s", settings->identity, why);
        signer_close(signer);
        return code;
    }
    signer->is_ready = true;
    if (why[0] != '\0')
        log_event(LOG_LEVEL_WARNING, "the signer is not locked in", "cause", why, NULL);
    if (!signer->tls->signer_can_check(signer->identity))
        log_event(LOG_LEVEL_WARNING, "the signer cannot check what it signs", "identity",
                  settings->identity, "cause", "the key is not an Ed25519 key", NULL);
    return 0;
}

int signer_check(const struct settings *settings, char fault[FAULT_LINE_ROOM])
{
    struct tls_identity *identity = NULL;
    char path[PATH_MAX];
    char why[TLS_FAULT_ROOM];
    const struct tls *tls = load(fault);

    if (tls == NULL)
        return -REASON_INTERNAL;
    int code = tls->identity_open(settings->identity, NULL, &identity, why);
    tls->identity_close(identity);
    if (code == -REASON_NOT_FOUND) {
        /* It is made together with missing folders of its path. */
        (void)snprintf(path, sizeof path, "%s", settings->identity);
        while ((code = descriptor_access_new(path)) < 0 && errno == ENOENT)
            (void)dirname(path);
        (void)snprintf(why, sizeof why, "%s", strerror(errno));
    }
    if (code < 0)
        (void)snprintf(fault, FAULT_LINE_ROOM, "%s: %s", settings->identity, why);
    return code < 0 ? -REASON_INTERNAL : 0;
}

int signer_fingerprint(const struct settings *settings, struct fingerprint *ret,
                       char fault[FAULT_LINE_ROOM])
{
    struct tls_owner owner = {.uid = geteuid(), .gid = getegid()};
    struct tls_identity *identity = NULL;
    struct stat status;
    char folder[PATH_MAX];
    char why[TLS_FAULT_ROOM];
    const struct tls *tls = load(fault);

    if (tls == NULL)
        return -REASON_INTERNAL;
    (void)snprintf(folder, sizeof folder, "%s", settings->identity);
    if (stat(dirname(folder), &status) == 0 || stat(settings->library, &status) == 0)
        owner = (struct tls_owner){.uid = status.st_uid, .gid = status.st_gid};
    int code = tls->identity_open(settings->identity, &owner, &identity, why);
    if (code < 0) {
        (void)snprintf(fault, FAULT_LINE_ROOM, "%s: %s", settings->identity, why);
        return code;
    }
    *ret = tls->identity_fingerprint(identity);
    tls->identity_close(identity);
    return 0;
}

static void log_loss(struct signer *signer, const char *cause)
{
    if (!signer->is_lost)
        log_event(LOG_LEVEL_ERROR, "cannot start the signer", "identity",
                  signer->settings->identity, "cause", cause, NULL);
    signer->is_lost = true;
}

void signer_restart(struct signer *signer)
{
    if (start(signer) < 0)
        log_loss(signer, strerror(errno));
}

void signer_hear(struct signer *signer)
{
    struct tls_identity *identity = NULL;
    char why[TLS_FAULT_ROOM];

    int code =
        signer->tls->signer_start(signer->channel, signer->identity, clock_ms(), &identity, why);
    if (code < 0) {
        log_loss(signer, why);
        drop(signer);
        return;
    }
    signer->tls->identity_close(identity);
    signer->is_ready = true;
    signer->is_lost = false;
    log_event(LOG_LEVEL_INFO, "the signer was started again", NULL);
}

int64_t signer_needs_start_in(const struct signer *signer)
{
    int64_t left = signer->started_ms + CALM_MS - clock_ms();

    if (signer->tls == NULL || signer->pid > 0)
        return -1;
    return left > 0 ? left : 0;
}

int signer_connect(const struct signer *signer)
{
    int pair[2] = {-1, -1};
    char byte = 0;

    if (!signer->is_ready) {
        errno = EPIPE;
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    int code = passing_send(signer->channel, &byte, sizeof byte, &pair[1], 1, MSG_DONTWAIT);
    descriptor_close(pair[1]);
    if (code == 0)
        return pair[0];
    descriptor_close(pair[0]);
    return -1;
}

void signer_end(struct signer *signer)
{
    /* It may have said why. */
    if (signer->channel >= 0 && !signer->is_ready)
        signer_hear(signer);
    drop(signer);
    signer->pid = 0;
}

void signer_close(struct signer *signer)
{
    drop(signer);
    if (signer->tls != NULL)
        signer->tls->identity_close(signer->identity);
    signer->identity = NULL;
}
