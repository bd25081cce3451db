/*
 * Settings of fsd: one table, read from a file in libconfig's syntax and from the command line.
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SETTINGS_FAULT_ROOM = 512, /* bytes of a sentence that says what is wrong */
    SETTINGS_LISTEN_MOST = 16, /* addresses to listen on */
};

/* Limits in time are milliseconds. */
struct settings {
    char *library;
    char *listen[SETTINGS_LISTEN_MOST]; /* as written; NULL behind the last one */
    size_t listen_count;
    bool listen_is_option; /* said on the command line, so the file's are gone */
    unsigned anonymous;    /* rights, of daemon/access.h */
    bool records;
    int64_t sessions;
    int64_t idle_ms;
    int64_t request_ms;
    int64_t stall_ms;
    int64_t wait_ms;
    int64_t linger_ms;
    int64_t drain_ms;
    int64_t heartbeat_ms;
};

/* Sets every setting to its default. settings_release() frees what they own. */
void settings_init(struct settings *settings);
void settings_release(struct settings *settings);

/*
 * Reads a configuration file. `optional`: one that does not exist is as good as an empty one.
 * Returns 0, or -REASON_USAGE with one sentence, which names file and line, in `fault`.
 */
int settings_read_file(struct settings *settings, const char *path, bool optional,
                       char fault[SETTINGS_FAULT_ROOM]);

/* The settings that are options of the command line too: "library", "listen", ... */
size_t settings_option_count(void);
const char *settings_option_name(size_t option);

/* Takes the value of such an option; the first --listen takes the place of the file's. As above. */
int settings_set_option(struct settings *settings, size_t option, const char *value,
                        char fault[SETTINGS_FAULT_ROOM]);

/* Is all there that has no default? As above. */
int settings_complete(struct settings *settings, char fault[SETTINGS_FAULT_ROOM]);

/* Prints a line on stdout for each such option, for --help. */
void settings_print_options(void);

#endif
