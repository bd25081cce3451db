#include "cli/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *folder(void)
{
    const char *named = getenv("TMPDIR");

    return named != NULL && named[0] != '\0' ? named : "/tmp";
}

/* Not every file system has O_TMPFILE (open(2)): makes a file with a name, and takes that away. */
static int open_named(void)
{
    char path[PATH_MAX];
    sigset_t all;
    sigset_t before;

    if ((size_t)snprintf(path, sizeof path, "%s/fsc-XXXXXX", folder()) >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    /* A signal between the two would leave the file behind. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    int error = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return fd;
}

int spool_open(int *ret_fd, struct failure *failure)
{
    int fd = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

    if (fd < 0)
        fd = open_named();
    if (fd < 0)
        return fail_errno(failure, REASON_LOCAL, folder(),
                          "cannot make a temporary file there (TMPDIR says where)");
    *ret_fd = fd;
    return 0;
}

const char *spool_name(void)
{
    static char name[PATH_MAX + 64];

    (void)snprintf(name, sizeof name, "temporary file of --spool in %s", folder());
    return name;
}

int spool_fail(struct failure *failure)
{
    return errno == ENOSPC || errno == EDQUOT
               ? fail(failure, REASON_LOCAL, spool_name(),
                      "no room for all of it (set TMPDIR to a folder that has more)")
               : fail_errno(failure, REASON_LOCAL, spool_name(), "cannot write");
}
