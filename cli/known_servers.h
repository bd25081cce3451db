/*
 * Known servers: the pins, each of which says that a server at an address may have a key.
 *
 * They are in two text files, the user's and the machine's. A pin is a line, "HOST:PORT SHA256:...";
 * what follows a "#" is a comment. A pin belongs to the host that somebody typed, in lower case, and
 * not to the addresses that it has.
 */
#ifndef CLI_KNOWN_SERVERS_H
#define CLI_KNOWN_SERVERS_H

#include <limits.h>

#include "cli/failure.h"
#include "protocol/address.h"
#include "protocol/fingerprint.h"
#include "settings/fault.h"

enum {
    /* Bytes of "[HOST]:PORT", with its NUL. */
    SERVER_NAME_ROOM =
        sizeof((struct address *)NULL)->host + sizeof((struct address *)NULL)->port + 3,
};

struct pin {
    char server[SERVER_NAME_ROOM];
    struct fingerprint key;
    const char *file; /* where it is */
    unsigned line;
};

/* Pins that were read. Begins as {0}; known_servers_release() frees them. */
struct known_servers {
    struct pin *pins;
    size_t count;
    char user_file[PATH_MAX]; /* "": there is none */
};

/* Writes how a server is called in pins: "host:port" or "[v6]:port". Returns `text`. */
const char *known_servers_name(const struct address *server, char text[SERVER_NAME_ROOM]);

/*
 * Adds the pins in the text of a file, which must live as long as `file`. Returns 0, or -REASON_USAGE
 * with a fault.
 */
int known_servers_parse(struct known_servers *known, const char *text, const char *file,
                        struct fault *fault);

/*
 * Reads both files, the user's first. One that is missing is empty. Returns 0, or -REASON_USAGE with
 * a failure, also for a file that others can change.
 */
int known_servers_read(struct known_servers *known, struct failure *failure);
void known_servers_release(struct known_servers *known);

/*
 * Change the user's file in one step, and on disk: add those pins of a server that are not in it yet;
 * or remove them, all of the server if `count` is 0. Other lines stay as they are. Return 0 or a
 * reason.
 */
int known_servers_add(const char *server, const struct fingerprint *keys, size_t count,
                      struct failure *failure);
int known_servers_remove(const char *server, const struct fingerprint *keys, size_t count,
                         struct failure *failure);

#endif
