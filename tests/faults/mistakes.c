/*
 * Mistakes that fsd does not make, for LD_PRELOAD: a campaign that does not notice them is no good.
 * FSD_MISTAKE tells which one it is:
 *
 *   no-file-sync     files are not made durable
 *   no-folder-sync   folders are not
 *   early-link       a file gets its name first, and is made durable a little later
 *   death-at-name    no mistake: the session dies as soon as a name is given, taken over or deleted
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    EARLY_MS = 20,  /* long enough for what others sync meanwhile */
    ID_LENGTH = 32, /* of the name of a stage */
};

static char made[32];
static int postponed = -1;

/* Before main(), which may clear the environment. */
__attribute__((constructor)) static void read_mistake(void)
{
    const char *mistake = getenv("FSD_MISTAKE");

    (void)snprintf(made, sizeof made, "%s", mistake != NULL ? mistake : "");
}

static bool makes(const char *mistake)
{
    return strcmp(made, mistake) == 0;
}

int fsync(int fd)
{
    struct stat status;
    bool is_folder = fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);

    if (makes(is_folder ? "no-folder-sync" : "no-file-sync"))
        return 0;
    if (!is_folder && makes("early-link")) {
        postponed = fd;
        return 0;
    }
    return (int)syscall(SYS_fsync, fd);
}

/* Dies, unless the name is that of a stage, or of the link that the self-test makes. */
static void die_at(const char *name)
{
    const char *point = strrchr(name, '.');
    bool is_of_self_test = point != NULL && strcmp(point, ".link") == 0;

    if (makes("death-at-name") && !is_of_self_test && strlen(name) != ID_LENGTH)
        (void)raise(SIGKILL);
}

int linkat(int fromfd, const char *from, int tofd, const char *to, int flags)
{
    const struct timespec early = {.tv_nsec = EARLY_MS * 1000000L};
    long code = syscall(SYS_linkat, fromfd, from, tofd, to, flags);

    if (code == 0)
        die_at(to);
    if (code == 0 && postponed >= 0) {
        (void)nanosleep(&early, NULL);
        code = syscall(SYS_fsync, postponed);
        postponed = -1;
    }
    return (int)code;
}

int renameat(int oldfd, const char *old, int newfd, const char *new)
{
    long code = syscall(SYS_renameat2, oldfd, old, newfd, new, 0);

    if (code == 0)
        die_at(new);
    return (int)code;
}

int unlinkat(int fd, const char *name, int flag)
{
    long code = syscall(SYS_unlinkat, fd, name, flag);

    if (code == 0 && flag == 0)
        die_at(name);
    return (int)code;
}
