/*
 * Settings of fsd: their table, for settings/configuration.h. fsd.conf(5) explains them.
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/record.h"
#include "protocol/fingerprint.h"
#include "protocol/name.h"
#include "settings/configuration.h"

#define SETTINGS_IDENTITY "/var/lib/fsd-identity/identity.pem"

enum {
    SETTINGS_SESSIONS_MOST = 1000000,     /* the most that limits.sessions can be */
    SETTINGS_HANDSHAKES_MOST = 1024,      /* the same of limits.handshakes */
    SETTINGS_CLIENTS_MOST = 4096,         /* rows of `clients` */
    GRANT_FOLDER_ROOM = NAME_LONGEST + 2, /* of a name, a '/' and a NUL */
    /* Bytes of a client's name in the settings, with its NUL: "stdio:" may go before it. */
    CLIENT_NAME_ROOM = RECORD_CLIENT_ROOM - sizeof "stdio:",
};

/* The values of `concurrency`. */
enum concurrency {
    CONCURRENCY_PROCESS,
    CONCURRENCY_THREAD,
};

/* What a client may be allowed to do; the bits are the places of the words in the settings. */
enum right {
    RIGHT_LIST = 1 << 0,
    RIGHT_GET = 1 << 1,
    RIGHT_PUT = 1 << 2,
    RIGHT_REPLACE = 1 << 3,
    RIGHT_DELETE = 1 << 4,
    RIGHT_WATCH = 1 << 5,
    RIGHT_STATUS = 1 << 6,
    RIGHTS_ALL = (1 << 7) - 1,
};

/* The words for the rights, in their order, then NULL. */
extern const char *const right_words[];

/* The words for enum log_level, in their order, then NULL. */
extern const char *const log_level_words[];

/* A row of `users` or `clients`: what a local user, the members of a group, or a client may do. */
struct grant {
    const char *user; /* of these three, one is not NULL */
    const char *group;
    const char *client;
    struct setting_list keys; /* of the client, if this row has some */
    unsigned rights;          /* of enum right */
    const char *folder;       /* below which they apply, for grant_expand(); NULL: everywhere */
    bool exists;              /* access_resolve() has found the uid or gid */
    unsigned id;
    const struct grant *next; /* another row of the same client */
};

/* A key of a client. */
struct client_key {
    struct fingerprint key;
    const struct configuration *row; /* of `clients`, that has it */
    const struct grant *first;       /* of the client's rows */
};

/* Times are milliseconds, sizes bytes. */
struct settings {
    const char *include; /* the folder of more files of settings; NULL for none */
    const char *library;
    struct setting_list listen;
    const char *identity; /* the file of this daemon's key for TLS */
    bool allow_unencrypted_network;
    unsigned anonymous;            /* rights, of enum right */
    struct grant stdio;            /* of the client of --stdio */
    struct setting_groups users;   /* of struct grant */
    bool has_overflow_user;        /* set by access_resolve(), like `id` of grants */
    struct setting_groups clients; /* of struct grant */
    struct client_key *keys;       /* all of `clients`, in their order as bytes */
    size_t key_count;
    bool records;
    int concurrency; /* enum concurrency */
    int64_t spare;
    const char *pid_file; /* NULL for none */
    int64_t socket_mode;
    const char *log_to; /* "auto", "syslog", "stderr" or a path */
    int log_level;      /* enum log_level, of daemon/log.h */
    int64_t sessions;
    int64_t per_address;
    struct setting_list uncounted; /* for peer_is_in() */
    int64_t per_user;
    int64_t strangers;
    int64_t handshakes;
    int64_t handshake_ms;
    int64_t memory;
    int64_t idle_ms;
    int64_t request_ms;
    int64_t stall_ms;
    int64_t wait_ms;
    int64_t linger_ms;
    int64_t drain_ms;
    int64_t heartbeat_ms;
    int64_t upload_age_ms;
    int64_t waits;
    int64_t stages;
    int64_t stage_bytes;
    int64_t pattern;
    int64_t depth;
    struct configuration configuration; /* what all of them came from */
};

extern const struct setting settings_table[];

/* Sets every setting to its default. settings_release() frees what they own. */
void settings_init(struct settings *settings);
void settings_release(struct settings *settings);

/*
 * For settings that were read: finds the keys and the rows of each client. Returns 0; or -REASON_USAGE
 * with a fault, when two rows have the same key, or a client has none.
 */
int settings_link_clients(struct settings *settings, struct fault *fault);

/* The client with a key; NULL when there is none. */
const struct client_key *settings_find_key(const struct settings *settings,
                                           const struct fingerprint *key);

/*
 * Writes the folder of a grant for a client: with its name in the place of "%c", and '%' in that of
 * "%%". Returns NULL, or what is wrong as the end of the sentence "FOLDER: ...": also because the name
 * is too long, or cannot be a component.
 */
const char *grant_expand(const char *folder, const char *client, char ret[GRANT_FOLDER_ROOM]);

#endif
