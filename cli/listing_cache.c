#include "cli/listing_cache.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/user_folder.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"

enum {
    LONGEST = 256 * 1024, /* bytes of a file */
    KNOWN_MS = 5000,
    FAILED_MS = 10000,
};

/* How a file ends, which no name can be: what does not end so is not whole. */
#define KNOWN  "\n.\n"
#define FAILED "\n..\n"

/* Makes the folder of the cache, and the path of a file in it. */
static void make_path(char path[PATH_MAX], char place)
{
    char file[] = "fsc/listing-?";

    if (user_folder_find(path, "XDG_CACHE_HOME", ".cache", "fsc"))
        user_folder_make(path, 2);
    file[sizeof file - 2] = place;
    (void)user_folder_find(path, "XDG_CACHE_HOME", ".cache", file);
}

void listing_cache_find(struct listing_cache *cache, const char *server, const char *folder)
{
    struct digest digest;

    digest_begin(&digest);
    digest_add(&digest, server, strlen(server) + 1);
    if (folder != NULL)
        digest_add(&digest, folder, strlen(folder) + 1);
    digest_finish(&digest, cache->key);
    cache->folder = folder;
    /* Its first digit: there are 16 files at most. */
    make_path(cache->path, cache->key[strlen("sha256:")]);
}

/*
 * How old a file is, in milliseconds; one from the future, as after the clock was put back, is too
 * old.
 */
static double age_ms(const struct stat *status)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    double age = difftime(now.tv_sec, status->st_mtim.tv_sec) * 1000 +
                 (double)(now.tv_nsec - status->st_mtim.tv_nsec) / 1000000;
    return age >= 0 ? age : HUGE_VAL;
}

/* The text of a file, to be freed, and its age; NULL for none. It never waits, as for a FIFO. */
static char *read_file(const char *path, double *ret_age)
{
    struct stat status;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_uid == geteuid() && status.st_size <= LONGEST)
        text = calloc((size_t)status.st_size + 1, 1);
    if (text != NULL && read(fd, text, (size_t)status.st_size) == status.st_size) {
        *ret_age = age_ms(&status);
    } else {
        free(text);
        text = NULL;
    }
    descriptor_close(fd);
    return text;
}

/*
 * What is remembered there, if it is whole and not too old: the text behind the key, in memory to
 * be freed. Returns NULL for nothing.
 */
static char *recall(const struct listing_cache *cache, const char *end, double limit_ms,
                    char **ret_memory)
{
    double age = 0;
    char *text = read_file(cache->path, &age);
    size_t length = text != NULL ? strlen(text) : 0;
    char *rest = text;

    *ret_memory = text;
    if (length < strlen(end) || strcmp(text + length - strlen(end), end) != 0 || age >= limit_ms ||
        strcmp(strsep(&rest, "\n"), cache->key) != 0)
        return NULL;
    return rest;
}

static void add_name(const struct listing_cache *cache, const char *name, struct entries *entries)
{
    const struct entry entry = {.name = name, .size = -1};
    size_t folder = strlen(cache->folder);
    size_t length = name_length_without_slash(name, strlen(name));

    if (length > folder && strncmp(name, cache->folder, folder) == 0 &&
        name_is_valid(name, length) && memchr(name + folder, '/', length - folder) == NULL)
        (void)entries_add(entries, &entry);
}

bool listing_cache_load(const struct listing_cache *cache, struct entries *entries)
{
    char *memory = NULL;
    char *rest = recall(cache, KNOWN, KNOWN_MS, &memory);
    bool is_known = rest != NULL;

    while (rest != NULL)
        add_name(cache, strsep(&rest, "\n"), entries);
    free(memory);
    return is_known;
}

bool listing_cache_has_failed(const struct listing_cache *cache)
{
    char *memory = NULL;
    bool has_failed = recall(cache, FAILED, FAILED_MS, &memory) != NULL;

    free(memory);
    return has_failed;
}

static bool write_file(const char *path, const struct listing_cache *cache,
                       const struct entries *entries)
{
    /* One may be left of a process that was killed. */
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

    if (file == NULL) {
        descriptor_close(fd);
        return false;
    }
    (void)fputs(cache->key, file);
    for (size_t i = 0; entries != NULL && i < entries->count; i++) {
        struct entry entry;
        entries_get(entries, i, &entry);
        (void)fprintf(file, "\n%s", entry.name);
    }
    (void)fputs(entries != NULL ? KNOWN : FAILED, file);
    bool has_failed = ferror(file) != 0;
    return fclose(file) == 0 && !has_failed;
}

void listing_cache_store(const struct listing_cache *cache, const struct entries *entries)
{
    char path[sizeof cache->path + 4];

    if (cache->path[0] == '\0')
        return;
    (void)snprintf(path, sizeof path, "%s.new", cache->path);
    bool is_long = entries != NULL && entries->used > LONGEST - 2 * DIGEST_ROOM;
    if (is_long || !write_file(path, cache, entries) || rename(path, cache->path) < 0)
        listing_cache_forget(cache);
}

void listing_cache_forget(const struct listing_cache *cache)
{
    (void)unlink(cache->path);
}
