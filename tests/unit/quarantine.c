#include "daemon/store/quarantine.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/store/lookup.h"
#include "protocol/descriptor.h"
#include "protocol/reason.h"
#include "tests/unit/check.h"

/* Stores an empty file x/y/f in a library that has nothing else, and opens it. */
static void store(const struct library *library, struct stored *ret)
{
    CHECK(mkdirat(library->root, "x", 0700) == 0 && mkdirat(library->root, "x/y", 0700) == 0);
    int fd = openat(library->root, "x/y/f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK(lookup_open(library, "x/y/f", ret) == 0);
}

/* When set, somebody puts x/other in the place of x/y/f right before the next rename. */
static bool is_swapped;

/* In the place of that of the C library, for all that this program is linked with. */
int renameat(int oldfd, const char *old, int newfd, const char *new)
{
    if (is_swapped) {
        is_swapped = false;
        CHECK(renameat(oldfd, "../other", oldfd, old) == 0);
    }
    return (int)syscall(SYS_renameat2, oldfd, old, newfd, new, 0);
}

static int move(const struct library *library, const struct stored *stored)
{
    int code = quarantine_move(library, "x/y/f", stored);

    CHECK(close(stored->fd) == 0);
    return code;
}

/* A file is moved with the folders that it leaves empty, but only if its name still leads to it. */
int main(void)
{
    char path[] = "quarantine.XXXXXX";
    struct library library;
    struct stored stored;

    CHECK(mkdtemp(path) != NULL);
    CHECK(library_open(&library, path, true) == 0);
    CHECK(mkdirat(library.root, ".fsd", 0700) == 0);
    CHECK(quarantine_make(&library) == 0);

    /* Another file takes the name at the last moment, and keeps it. */
    store(&library, &stored);
    int other = openat(library.root, "x/other", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    is_swapped = true;
    CHECK(move(&library, &stored) == -REASON_NOT_FOUND && !is_swapped);
    CHECK(quarantine_count(&library) == 0);
    CHECK(lookup_open(&library, "x/y/f", &stored) == 0);
    CHECK(descriptor_is_named(other, library.root, "x/y/f") && close(other) == 0);

    CHECK(move(&library, &stored) == 0);
    CHECK(quarantine_count(&library) == 1);
    CHECK(faccessat(library.root, "x", F_OK, 0) < 0);

    store(&library, &stored);
    CHECK(linkat(library.root, "x/y/f", library.root, "x/g", 0) == 0);
    CHECK(move(&library, &stored) == -REASON_EXISTS);
    CHECK(unlinkat(library.root, "x/g", 0) == 0);

    /* A folder on the way has gone, or is a link to where the file is now. */
    CHECK(lookup_open(&library, "x/y/f", &stored) == 0);
    CHECK(renameat(library.root, "x/y", library.root, "x/z") == 0);
    CHECK(quarantine_move(&library, "x/y/f", &stored) == -REASON_NOT_FOUND);
    CHECK(symlinkat("z", library.root, "x/y") == 0);
    CHECK(move(&library, &stored) == -REASON_NOT_FOUND);
    CHECK(quarantine_count(&library) == 1);

    CHECK(quarantine_drop(&library, "x/y/f") == 0 && quarantine_count(&library) == 0);
    static const struct {
        const char *name;
        int flags;
    } left[] = {{"x/z/f", 0},          {"x/y", 0},       {"x/z", AT_REMOVEDIR},
                {"x", AT_REMOVEDIR},   {".fsd/lock", 0}, {".fsd/quarantine", AT_REMOVEDIR},
                {".fsd", AT_REMOVEDIR}};
    for (size_t i = 0; i < COUNT(left); i++)
        CHECK(unlinkat(library.root, left[i].name, left[i].flags) == 0);
    CHECK(rmdir(path) == 0);
    return 0;
}
