/*
 * Settings of fsc: their table, and what is in force. fsc(1) explains them.
 */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "cli/options.h"
#include "protocol/address.h"
#include "protocol/stream.h"
#include "settings/configuration.h"

/* A row of `servers`. */
struct server {
    const char *name;
    const char *address;
    struct setting_list keys; /* fingerprints; empty: pins say which keys it may have */
    const char *identity;
    int64_t retries;
};

struct settings {
    const char *server_text; /* an address, or a name in `servers` */
    struct address server;
    struct setting_groups servers;    /* of struct server */
    const struct configuration *row;  /* of these, that `server_text` names; NULL: none */
    const char *identity;             /* a file; NULL: the user's own */
    struct setting_list socket_users; /* users who may serve where others can make sockets */
    struct stream_limits limits;
    int64_t connect_ms;   /* to reach the server */
    int64_t retries;      /* attempts at each file after the first one has failed */
    int64_t retry_ms;     /* --retry-max-time: no attempt begins later; INT64_MAX: no limit */
    int64_t pause_ms;     /* before the first of these; later pauses are longer */
    int64_t max_time_ms;  /* to wait for the server, in all; 0: no limit */
    int64_t heartbeat_ms; /* between the signs of life of a silent producer */
    bool allow_unencrypted_network;
    struct configuration configuration;
};

extern const struct setting settings_table[];

/*
 * Reads the settings: options win over FSC_SERVER, which wins over the user's file, which wins over
 * that of the machine; with --config no other file is read. Returns 0, or -REASON_USAGE with a
 * failure. In both cases settings_release() frees what they own.
 */
int settings_read(struct settings *settings, const struct options *options,
                  struct failure *failure);
void settings_release(struct settings *settings);

/* The last row of `servers` that has this name; NULL if there is none. */
const struct configuration *settings_find_server(const struct settings *settings, const char *name);

/* Where a row of `servers` sets one of its settings, "FILE:LINE"; NULL if it does not. */
const char *settings_origin(const struct configuration *row, const char *name);

#endif
