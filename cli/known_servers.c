#include "cli/known_servers.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/output.h"
#include "cli/user_folder.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "settings/configuration.h"

enum {
    WORDS_LONGEST = 512,          /* bytes of a line without its comment */
    FILE_LARGEST = 64 * 1024 - 1, /* bytes that configuration_load() reads */
    LOCK_MS = 10 * 1000,          /* for other processes to have changed the file */
    TRY_MS = 10,
};

#define BLANKS " \t\r"
#define ADVICE "set HOME to your own folder"

const char *known_servers_name(const struct address *server, char text[SERVER_NAME_ROOM])
{
    bool is_v6 = strchr(server->host, ':') != NULL;

    (void)snprintf(text, SERVER_NAME_ROOM, "%s%s%s:%s", is_v6 ? "[" : "", server->host,
                   is_v6 ? "]" : "", server->port);
    for (char *byte = text; *byte != '\0'; byte++) {
        if (*byte >= 'A' && *byte <= 'Z')
            *byte = (char)(*byte - 'A' + 'a');
    }
    return text;
}

/*
 * Parses a line. One that is blank, or only a comment, gives a pin without a server. Returns NULL, or
 * what is wrong.
 */
static const char *parse_line(const char *line, size_t length, struct pin *ret)
{
    char words[WORDS_LONGEST + 1];
    char *rest = words;
    struct address address;
    const char *hash = line;

    ret->server[0] = '\0';
    while ((hash = memchr(hash, '#', length - (size_t)(hash - line))) != NULL && hash > line &&
           strchr(BLANKS, hash[-1]) == NULL)
        hash++;
    if (hash != NULL)
        length = (size_t)(hash - line);
    if (length > WORDS_LONGEST)
        return "the line is too long";
    memcpy(words, line, length);
    words[length] = '\0';
    const char *server = strtok_r(words, BLANKS, &rest);
    const char *key = strtok_r(NULL, BLANKS, &rest);
    if (server == NULL)
        return NULL;
    if (address_parse(server, &address) != NULL || address.kind != ADDRESS_TLS)
        return "does not begin with HOST:PORT";
    if (key == NULL || !fingerprint_parse(key, &ret->key))
        return "has no fingerprint after the host (SHA256: and 43 characters)";
    if (strtok_r(NULL, BLANKS, &rest) != NULL)
        return "has something after the fingerprint";
    (void)known_servers_name(&address, ret->server);
    return NULL;
}

int known_servers_parse(struct known_servers *known, const char *text, const char *file,
                        struct fault *fault)
{
    *fault = (struct fault){.file = file};
    for (size_t length = 0; *text != '\0'; text += length + (text[length] == '\n')) {
        struct pin pin = {.file = file, .line = ++fault->line};
        length = strcspn(text, "\n");
        const char *wrong = parse_line(text, length, &pin);
        if (wrong != NULL)
            return fault_refuse(fault, "%s", wrong);
        if (pin.server[0] == '\0')
            continue;
        struct pin *pins = reallocarray(known->pins, known->count + 1, sizeof *pins);
        if (pins == NULL)
            return fault_refuse(fault, "no memory");
        known->pins = pins;
        known->pins[known->count++] = pin;
    }
    return 0;
}

static int read_file(struct known_servers *known, const char *path, const char *advice,
                     struct fault *fault)
{
    char *text = configuration_load(path, advice, fault);
    int code = text != NULL ? known_servers_parse(known, text, path, fault) : -REASON_USAGE;

    free(text);
    return code;
}

int known_servers_read(struct known_servers *known, struct failure *failure)
{
    struct fault fault;
    char line[FAULT_LINE_ROOM];
    int code = 0;

    if (user_folder_find(known->user_file, "XDG_CONFIG_HOME", ".config", "fsc/known_servers"))
        code = read_file(known, known->user_file, ADVICE, &fault);
    if (code == 0)
        code = read_file(known, FSC_KNOWN_SERVERS, "use chown root", &fault);
    return code < 0 ? fail(failure, REASON_USAGE, NULL, "%s", fault_print(&fault, line)) : 0;
}

void known_servers_release(struct known_servers *known)
{
    free(known->pins);
    known->pins = NULL;
    known->count = 0;
}

/*
 * Finds the user's file, makes its folder, and follows links to the file, so that it is not replaced
 * by them. Returns 0 or a reason.
 */
static int find_own(char path[PATH_MAX], struct failure *failure)
{
    if (!user_folder_find(path, "XDG_CONFIG_HOME", ".config", "fsc/known_servers"))
        return fail(
            failure, REASON_USAGE, NULL,
            "there is no HOME, and so no file for the pin (set HOME, or write HOST:PORT and "
            "the fingerprint into %s)",
            FSC_KNOWN_SERVERS);
    int folder = user_folder_open("XDG_CONFIG_HOME", ".config", "fsc");
    if (folder < 0)
        return fail(failure, REASON_LOCAL, path, "cannot open or make its folder: %s%s",
                    strerror(errno), errno == EPERM ? " (" ADVICE ")" : "");
    (void)close(folder);
    char *real = realpath(path, NULL);
    if (real != NULL)
        (void)snprintf(path, PATH_MAX, "%s", real);
    free(real);
    return 0;
}

/* Opens the file, made if it is not there, and locks it. `*ret` is to be closed. */
static int open_locked(const char *path, int *ret, struct failure *failure)
{
    int64_t until = clock_ms() + LOCK_MS;

    for (;;) {
        int fd =
            open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
        if (fd < 0)
            return fail_errno(failure, REASON_LOCAL, path, "cannot change it");
        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            int code = errno != EWOULDBLOCK && errno != EINTR
                           ? fail_errno(failure, REASON_LOCAL, path, "cannot lock it")
                       : clock_ms() >= until
                           ? fail(failure, REASON_TIMEOUT, path, "another process keeps it locked")
                           : 0;
            if (code < 0) {
                (void)close(fd);
                return code;
            }
            (void)poll(NULL, 0, TRY_MS);
        }
        /* The process that had it locked may have replaced it. */
        if (descriptor_is_named(fd, AT_FDCWD, path)) {
            *ret = fd;
            return 0;
        }
        (void)close(fd);
    }
}

/* Replaces the file by one with this text, and makes that durable. Returns 0, or -1 with errno set. */
static int replace(const char *path, mode_t mode, const char *text, size_t length)
{
    char new[PATH_MAX + sizeof ".new"];
    char folder[PATH_MAX];

    (void)snprintf(new, sizeof new, "%s.new", path);
    (void)snprintf(folder, sizeof folder, "%s", path);
    /* A process that was killed may have left one; there is no other one that has the lock. */
    (void)unlink(new);
    int fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    bool is_written =
        fchmod(fd, mode) == 0 && output_write_all(fd, text, length) == 0 && fsync(fd) == 0;
    if (close(fd) < 0 || !is_written || rename(new, path) < 0) {
        int error = errno;
        (void)unlink(new);
        errno = error;
        return -1;
    }
    fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int synced = fsync(fd) < 0 && !descriptor_lacks_call(errno) ? -1 : 0;
    descriptor_close(fd);
    return synced;
}

static bool is_among(const struct fingerprint *key, const struct fingerprint *keys, size_t count)
{
    while (count > 0 && !fingerprint_is_equal(key, &keys[count - 1]))
        count--;
    return count > 0;
}

/* Copies the lines of a text, less those that have one of the pins. Returns how many those are. */
static size_t copy_others(FILE *to, const char *text, const char *server,
                          const struct fingerprint *keys, size_t count)
{
    size_t dropped = 0;

    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        struct pin pin;
        bool is_dropped = parse_line(text, length, &pin) == NULL &&
                          strcmp(pin.server, server) == 0 &&
                          (count == 0 || is_among(&pin.key, keys, count));
        length += text[length] == '\n';
        if (!is_dropped)
            (void)fwrite(text, length, 1, to);
        dropped += is_dropped;
        text += length;
    }
    return dropped;
}

/* Writes the pins of a server that are not known yet. Returns how many those are. */
static size_t add_missing(FILE *to, const struct known_servers *known, const char *server,
                          const struct fingerprint *keys, size_t count)
{
    char text[FINGERPRINT_ROOM];
    size_t added = 0;

    for (size_t i = 0; i < count; i++) {
        bool is_there = is_among(&keys[i], keys, i);
        for (size_t j = 0; !is_there && j < known->count; j++)
            is_there = strcmp(known->pins[j].server, server) == 0 &&
                       fingerprint_is_equal(&known->pins[j].key, &keys[i]);
        if (is_there)
            continue;
        (void)fprintf(to, "%s %s\n", server, fingerprint_print(&keys[i], text));
        added++;
    }
    return added;
}

/* Changes the user's file while no other process does. */
static int change(bool removes, const char *server, const struct fingerprint *keys, size_t count,
                  struct failure *failure)
{
    struct known_servers known = {.count = 0};
    struct fault fault;
    struct stat status;
    char line[FAULT_LINE_ROOM];
    char path[PATH_MAX];
    char *before = NULL;
    char *after = NULL;
    size_t length = 0;
    size_t changed = 0;
    FILE *to = NULL;
    int fd = -1;
    int code = find_own(path, failure);

    if (code == 0)
        code = open_locked(path, &fd, failure);
    if (code < 0)
        return code;
    before = configuration_load(path, ADVICE, &fault);
    if (before == NULL || known_servers_parse(&known, before, path, &fault) < 0) {
        code = fail(failure, REASON_USAGE, NULL, "%s", fault_print(&fault, line));
        goto out;
    }
    to = open_memstream(&after, &length);
    if (to == NULL) {
        code = fail_errno(failure, REASON_INTERNAL, path, "cannot change it");
        goto out;
    }
    if (removes) {
        changed = copy_others(to, before, server, keys, count);
    } else {
        (void)fputs(before, to);
        changed = add_missing(to, &known, server, keys, count);
    }
    if (fclose(to) != 0)
        code = fail_errno(failure, REASON_INTERNAL, path, "cannot change it");
    else if (length > FILE_LARGEST)
        code = fail(failure, REASON_LOCAL, path, "has no room for more (it may have 64 KiB)");
    else if (changed > 0 &&
             (fstat(fd, &status) < 0 || replace(path, status.st_mode & 0777, after, length) < 0))
        code = fail_errno(failure, REASON_LOCAL, path, "cannot change it");
    else
        console_note("%s: %s %zu of %s", path, removes ? "removed" : "added", changed, server);
out:
    free(before);
    free(after);
    known_servers_release(&known);
    (void)close(fd);
    return code;
}

int known_servers_add(const char *server, const struct fingerprint *keys, size_t count,
                      struct failure *failure)
{
    return change(false, server, keys, count, failure);
}

int known_servers_remove(const char *server, const struct fingerprint *keys, size_t count,
                         struct failure *failure)
{
    return change(true, server, keys, count, failure);
}
