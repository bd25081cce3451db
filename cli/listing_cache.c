#include "cli/listing_cache.h"

#include <fcntl.h>
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
    NAMES_MS = 5000,
    NOTE_MS = 10000,
};

/* The last line, which cannot be a name: a file without it is not complete. */
static const char end[] = "\n.\n";

void listing_cache_find(struct listing_cache *cache, const char *server, const char *folder)
{
    struct digest digest;

    digest_begin(&digest);
    digest_add(&digest, server, strlen(server) + 1);
    if (folder != NULL)
        digest_add(&digest, folder, strlen(folder) + 1);
    digest_finish(&digest, cache->key);
    cache->folder = folder;
    (void)snprintf(cache->file, sizeof cache->file, "listing-%c", *digest_hex(cache->key));
    cache->place = user_folder_open("XDG_CACHE_HOME", ".cache", "fsc");
}

/*
 * Returns the text of a file, to be freed, if it is complete and younger than the limit; else NULL.
 * A time in the future, after the clock was set back, is not recent. A FIFO does not block.
 */
static char *read_recent(const struct listing_cache *cache, int64_t limit_ms)
{
    int fd = openat(cache->place, cache->file,
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct timespec now;
    struct stat status;
    char *text = NULL;
    bool is_whole = false;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_uid == geteuid() && status.st_size <= LONGEST) {
        size_t size = (size_t)status.st_size;
        int64_t age_ms = (int64_t)(now.tv_sec - status.st_mtim.tv_sec) * 1000 +
                         (now.tv_nsec - status.st_mtim.tv_nsec) / 1000000;
        text = calloc(size + 1, 1);
        is_whole = text != NULL && age_ms >= 0 && age_ms < limit_ms &&
                   read(fd, text, size) == status.st_size && size >= strlen(end) &&
                   strcmp(text + size - strlen(end), end) == 0;
    }
    descriptor_close(fd);
    if (is_whole)
        return text;
    free(text);
    return NULL;
}

bool listing_cache_load(const struct listing_cache *cache, struct entries *entries)
{
    char *text = read_recent(cache, entries != NULL ? NAMES_MS : NOTE_MS);
    char *rest = text;
    bool is_known = text != NULL && strcmp(strsep(&rest, "\n"), cache->key) == 0;

    while (is_known && entries != NULL && rest != NULL) {
        struct entry entry = {.name = strsep(&rest, "\n"), .size = -1};
        size_t folder = strlen(cache->folder);
        size_t length = name_length_without_slash(entry.name, strlen(entry.name));
        if (length > folder && strncmp(entry.name, cache->folder, folder) == 0 &&
            name_is_valid(entry.name, length) &&
            memchr(entry.name + folder, '/', length - folder) == NULL)
            (void)entries_add(entries, &entry);
    }
    free(text);
    return is_known;
}

void listing_cache_store(const struct listing_cache *cache, const struct entries *entries)
{
    size_t count = entries != NULL ? entries->count : 0;
    size_t bytes = entries != NULL ? entries->used : 0;
    char file[sizeof cache->file + 4];

    if (cache->place < 0 || bytes > LONGEST - 2 * DIGEST_ROOM)
        return;
    (void)snprintf(file, sizeof file, "%s.new", cache->file);
    /* A process that was killed may have left one. */
    (void)unlinkat(cache->place, file, 0);
    int fd = openat(cache->place, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *stream = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (stream == NULL) {
        descriptor_close(fd);
        return;
    }
    (void)fputs(cache->key, stream);
    for (size_t i = 0; i < count; i++) {
        struct entry entry;
        entries_get(entries, i, &entry);
        (void)fprintf(stream, "\n%s", entry.name);
    }
    (void)fputs(end, stream);
    bool has_failed = ferror(stream) != 0;
    if (fclose(stream) != 0 || has_failed ||
        renameat(cache->place, file, cache->place, cache->file) < 0)
        (void)unlinkat(cache->place, file, 0);
}

void listing_cache_forget(const struct listing_cache *cache)
{
    if (cache->place >= 0)
        (void)unlinkat(cache->place, cache->file, 0);
}

void listing_cache_close(struct listing_cache *cache)
{
    descriptor_close(cache->place);
    cache->place = -1;
}
