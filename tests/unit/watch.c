#include "daemon/store/watch.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/check.h"

enum {
    BATCH = 1000,
};

/* A library in a folder of its own, and how many files were reported. */
struct trial {
    char path[64];
    struct library library;
    size_t told;
};

static bool see_all(void *context, const char *name)
{
    (void)context;
    (void)name;
    return true;
}

static int count(void *context, const struct list_entry *entry)
{
    struct trial *trial = context;

    CHECK(entry->status != NULL && entry->record != NULL);
    trial->told++;
    return 0;
}

static int go_on(void *context)
{
    (void)context;
    return 0;
}

static void open_trial(struct trial *trial)
{
    *trial = (struct trial){.path = "watch.XXXXXX", .library = {.records = true, .notifier = -1}};
    CHECK(mkdtemp(trial->path) != NULL);
    trial->library.root = open(trial->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(trial->library.root >= 0);
    int fd = openat(trial->library.root, "first", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
}

static void close_trial(struct trial *trial)
{
    CHECK(unlinkat(trial->library.root, "first", 0) == 0);
    (void)close(trial->library.root);
    CHECK(rmdir(trial->path) == 0);
}

static void link_batch(const struct trial *trial, int batch, bool there)
{
    int root = trial->library.root;
    char name[32];

    for (int i = 0; i < BATCH; i++) {
        (void)snprintf(name, sizeof name, "%d.%d", batch, i);
        CHECK((there ? linkat(root, "first", root, name, 0) : unlinkat(root, name, 0)) == 0);
    }
}

static void look(struct watch *watch)
{
    /* As often as something is left of the notices. */
    for (int i = 0; i < BATCH; i++)
        CHECK(watch_look(watch) == 0);
}

/* Files that are gone are forgotten before they fill the memory. */
static void check_garbage(void)
{
    struct trial trial;
    struct watch watch;

    open_trial(&trial);
    const struct watch_query query = {
        .is_visible = see_all, .entry = count, .batch_end = go_on, .context = &trial};
    CHECK(watch_open(&watch, &trial.library, &query) == 0 && trial.told == 0);
    size_t most = 0;
    for (int batch = 0; batch < 300 && watch.seen.count >= most; batch++) {
        most = watch.seen.count;
        link_batch(&trial, batch, true);
        look(&watch);
        link_batch(&trial, batch, false);
        CHECK(watch.notices.fd < 0 || trial.told == (size_t)(batch + 1) * BATCH);
    }
    CHECK(watch.notices.fd < 0 || (most > 50000 && watch.seen.count <= BATCH + 1));
    watch_close(&watch);
    close_trial(&trial);
}

/* Folders that have left the library, or were removed, are let go of. */
static void check_folders(void)
{
    struct trial trial;
    struct watch watch;

    open_trial(&trial);
    int root = trial.library.root;
    const struct watch_query query = {
        .is_visible = see_all, .entry = count, .batch_end = go_on, .context = &trial};
    CHECK(watch_open(&watch, &trial.library, &query) == 0);
    CHECK(mkdirat(root, "a", 0700) == 0 && mkdirat(root, "a/b", 0700) == 0);
    CHECK(mkdirat(root, "ab", 0700) == 0);
    look(&watch);
    CHECK(watch.notices.fd < 0 || watch.notices.count == 4);
    CHECK(renameat(root, "a", AT_FDCWD, "watch.moved") == 0);
    look(&watch);
    CHECK(watch.notices.fd < 0 || watch.notices.count == 2);
    CHECK(rmdir("watch.moved/b") == 0 && rmdir("watch.moved") == 0);
    CHECK(unlinkat(root, "ab", AT_REMOVEDIR) == 0);
    look(&watch);
    CHECK(watch.notices.fd < 0 || watch.notices.count == 1);
    watch_close(&watch);
    close_trial(&trial);
}

/* Without notices, time alone says when to look. */
static void check_times(void)
{
    struct trial trial;
    struct watch watch;

    open_trial(&trial);
    const struct watch_query query = {.existing = true,
                                      .is_visible = see_all,
                                      .entry = count,
                                      .batch_end = go_on,
                                      .context = &trial};
    CHECK(watch_open(&watch, &trial.library, &query) == 0 && trial.told == 1);
    CHECK(watch.notices.fd < 0 || watch_wait_ms(&watch) == INT64_MAX);
    notices_close(&watch.notices);
    CHECK(watch_wait_ms(&watch) <= NOTICES_POLL_MS);
    /* A second may be over before a slow machine looks. */
    watch.pause_ms = 3600 * NOTICES_POLL_MS;
    link_batch(&trial, 0, true);
    CHECK(watch_look(&watch) == 0 && trial.told == 1);
    watch.pause_ms = NOTICES_POLL_MS;
    while (watch_wait_ms(&watch) > 0)
        (void)poll(NULL, 0, (int)watch_wait_ms(&watch));
    int64_t before = watch.scanned_ms;
    CHECK(watch_look(&watch) == 0 && trial.told == 1 + BATCH);
    CHECK(watch.scanned_ms > before && watch.pause_ms >= NOTICES_POLL_MS);
    /* All who scan share a small part of a processor. */
    watch.scan_us = 1000000;
    CHECK(watch_wait_ms(&watch) > 20000 && watch_wait_ms(&watch) <= 32000);
    watch.scanning = 10;
    CHECK(watch_wait_ms(&watch) > 300000 && watch_wait_ms(&watch) <= 320000);
    link_batch(&trial, 0, false);
    watch_close(&watch);
    close_trial(&trial);
}

int main(void)
{
    const char *folder = getenv("TMPDIR");

    CHECK(chdir(folder != NULL ? folder : "/tmp") == 0);
    check_garbage();
    check_folders();
    check_times();
    return 0;
}
