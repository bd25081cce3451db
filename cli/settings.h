/*
 * Settings of fsc: which server, and how long it may take.
 */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "protocol/address.h"
#include "protocol/stream.h"

struct settings {
    struct address server;
    struct stream_limits limits;
    int64_t connect_ms;   /* to reach the server */
    int64_t heartbeat_ms; /* between the signs of life of a silent producer */
    int64_t refused_ms;   /* without a byte taken by a server that has refused an upload */
};

/*
 * Fills the settings in: the server is `server` (--server), else FSC_SERVER, else the default
 * socket. The text must live as long as the settings. Returns 0, or -REASON_USAGE after
 * complaining.
 */
int settings_read(struct settings *settings, const char *server);

#endif
