/*
 * Access: who a client is, and what it may do.
 */
#ifndef DAEMON_ACCESS_H
#define DAEMON_ACCESS_H

#include <stdbool.h>

#include "daemon/peer.h"
#include "daemon/settings.h"
#include "daemon/store/record.h"
#include "protocol/address.h"
#include "tls/tls.h"

enum {
    ACCESS_GRANTS_MOST = SETTING_GROUPS_MOST + SETTINGS_CLIENTS_MOST,
    /* Of a name and a folder, in which a "%%" stands for each byte. */
    ACCESS_TEXTS_ROOM = CLIENT_NAME_ROOM + 2 * GRANT_FOLDER_ROOM,
};

/* How clients share limits.sessions. */
enum access_class {
    ACCESS_STRANGER, /* has at most the rights of `anonymous` */
    ACCESS_KNOWN,    /* `users` or `clients` gives it rights */
    ACCESS_OWN,      /* root, or the uid that runs this daemon */
};

/* Rights that a client has. */
struct client_grant {
    const struct grant *row; /* of the settings, that gives them */
    char *folder;            /* in which, with the name of the client in it; NULL: everywhere */
};

struct client {
    /* "user:NAME", "key:NAME", "stdio:NAME" or "anonymous"; a folder of stages is named so. */
    char name[RECORD_CLIENT_ROOM];
    char who[160];                              /* for people, e.g. "user ann", "key:web1" */
    char component[NAME_COMPONENT_LONGEST + 1]; /* what "%c" in a folder is; empty: nothing */
    uint64_t peer;                              /* its number, as in daemon/peer.h */
    char address[INET6_ADDRSTRLEN];             /* over TCP; otherwise empty */
    enum access_class class;                    /* exact, unlike that of access_classify() */
    unsigned rights;             /* those that it has everywhere, apart from its grants */
    struct client_grant *grants; /* access_release() frees them */
    size_t grant_count;
    bool has_known_key; /* one that `clients` has */
    struct fingerprint key;
};

/*
 * The rights that the settings give now, in memory that all processes share. A session that began
 * with older settings compares its own with them. A text is NUL-terminated, and given as the place in
 * `texts` where it begins; 0 means none. Pages that nobody writes to take no memory.
 */
struct access_now {
    _Atomic uint64_t version; /* odd while it is being changed; 0: there is nothing yet */
    unsigned anonymous;
    size_t count;
    struct {
        bool is_user; /* otherwise a group, or a client */
        unsigned id;
        size_t client; /* its name */
        unsigned rights;
        size_t folder; /* for grant_expand() */
    } grants[ACCESS_GRANTS_MOST];
    size_t key_count;
    struct {
        struct fingerprint key;
        size_t grant; /* the place of one that its client has */
    } keys[SETTINGS_CLIENTS_MOST * SETTING_LIST_MOST];
    char texts[ACCESS_GRANTS_MOST * ACCESS_TEXTS_ROOM];
};

/*
 * Makes the name service (nss(5)), which knows the names of users, read its configuration before
 * processes are forked, so that they need not do it again.
 */
void access_warm_up(void);

/*
 * Finds the uids and gids of the users and groups in `users`, before any session begins with these
 * settings. One that does not exist grants nothing, and is logged. Returns 0; or -1, with a sentence
 * in `fault`, when it cannot be found out whether one exists.
 */
int access_resolve(struct settings *settings, char fault[FAULT_LINE_ROOM]);

/*
 * Of what class is the peer of this connection? Asks only the kernel, so that the parent can use it.
 * Without the user's name the class may be too high: access_identify() takes a user without a name for
 * a stranger, this one for known if a group of the user is. It may also be too low: a user in more
 * than 1,024 groups is a stranger, unless the user or the first group is in `users`.
 */
enum access_class access_classify(int connection, const struct peer *peer,
                                  const struct settings *settings);

/*
 * Finds out who is at the other end of a socket that came by an address of this kind: on a Unix
 * socket the local user (unix(7), SO_PEERCRED); everywhere else, and for a uid without a name,
 * anonymous. Root and the uid that runs this daemon have all rights. Everyone else has those of
 * `anonymous`, and local users also those that `users` grants to them or their groups
 * (SO_PEERGROUPS). The client keeps pointers to the settings, and the caller releases it. Returns 0;
 * or -1 with errno set, when that cannot be found out: then the client must not be served, since it
 * may have more rights.
 */
int access_identify(int fd, enum address_kind kind, const struct settings *settings,
                    struct client *ret);

/*
 * The same for the client of a connection over TLS: the one of `clients` that has its key. Without a
 * key, and with one that `clients` does not have, it is anonymous, and known by its peer.
 */
int access_identify_key(const struct tls_peer *tls, const struct peer *peer,
                        const struct settings *settings, struct client *ret);

/*
 * The same for a session on standard input and output: the client is the one of `stdio_client`, or the
 * user that runs this process, with the rights of `stdio_rights` in `stdio_folder`. If one of the two
 * is a socket that another program accepted, such as inetd(8), it is treated as a connection that came
 * to a listener; only then are the names in `users` looked up. Returns as access_resolve().
 */
int access_identify_stdio(int in, int out, struct settings *settings, struct client *ret,
                          char fault[FAULT_LINE_ROOM]);

/* Frees what the client has, however it was identified. */
void access_release(struct client *client);

/* For the parent, after access_resolve(): publishes the rights. Returns their version. */
uint64_t access_publish(struct access_now *now, const struct settings *settings);

/*
 * Has a client fewer rights now than when its session began? Compares with the rows of `users` for
 * the user or groups that gave it its rights, or with those of the client that has its key: without
 * the key it has lost all. `*version` is the last one that was compared, in which it had lost nothing;
 * then nothing is done. It becomes the new one.
 */
bool access_has_lost(const struct client *client, const struct access_now *now, uint64_t *version);

/*
 * The rights that a client has to a file of this name; for a name that ends in '/', to anything in
 * that folder; for "", to anything in the library.
 */
unsigned access_rights(const struct client *client, const char *name);

#endif
