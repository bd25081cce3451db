/*
 * A private folder for a target that writes files, in memory if /dev/shm is there.
 */
#ifndef FUZZ_FOLDER_H
#define FUZZ_FOLDER_H

#include <fts.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

enum {
    FILE_MOST = 4 << 20, /* bytes of a file, so that no size that is asked for fills the memory */
};

static char fuzz_folder[PATH_MAX];

/* Removes all that is below a path, except what `keep` (which may be NULL) wants to keep. */
static inline void folder_empty(const char *path, bool (*keep)(const FTSENT *entry))
{
    char *const paths[] = {strdup(path), NULL};
    FTS *files = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry = NULL;

    CHECK(files != NULL);
    while ((entry = fts_read(files)) != NULL) {
        if (entry->fts_level == 0 || entry->fts_info == FTS_D || (keep != NULL && keep(entry)))
            continue;
        CHECK((entry->fts_info == FTS_DP ? rmdir : unlink)(entry->fts_accpath) == 0);
    }
    (void)fts_close(files);
    free(paths[0]);
}

static inline void folder_remove(void)
{
    folder_empty(fuzz_folder, NULL);
    (void)rmdir(fuzz_folder);
}

/* Makes the folder, once; it is removed at the end. */
static inline void folder_make(void)
{
    const struct rlimit limit = {.rlim_cur = FILE_MOST, .rlim_max = FILE_MOST};
    const char *place = getenv("TMPDIR");

    if (place == NULL)
        place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(fuzz_folder, sizeof fuzz_folder, "%s/fsd-fuzz.XXXXXX", place);
    CHECK(mkdtemp(fuzz_folder) == fuzz_folder && atexit(folder_remove) == 0);
    /* A file that would be too large is an error, not a signal. */
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* Reads what was written to a file in memory, and empties that. The text is to be freed. */
static inline char *folder_take(int fd, size_t *ret_length)
{
    struct stat status;

    CHECK(fstat(fd, &status) == 0);
    size_t length = (size_t)status.st_size;
    char *text = malloc(length + 1);
    CHECK(text != NULL && pread(fd, text, length, 0) == (ssize_t)length);
    text[length] = '\0';
    CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    *ret_length = length;
    return text;
}

#endif
