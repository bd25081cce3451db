#include "daemon/access.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/peer.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"
#include "settings/control.h"

enum {
    GROUPS_MOST = 1024, /* of a client, for access_classify() */
    ENTRY_ROOM = 4096,  /* bytes of a user's entry: at first, and at most */
    ENTRY_LARGEST = 1024 * 1024,
};

/* Errors that mean that there is nobody of that name or number (getpwnam(3)), or that file is not used. */
static bool means_nobody(int error)
{
    return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM ||
           error == EACCES;
}

/*
 * A look-up has found nobody, with this error. Is there nobody? Returns false, with errno set, if it
 * may only have failed: where there are several services, libc does not report that one cannot open
 * its file, so it is tried here.
 */
static bool is_absent(int error, const char *file)
{
    if (means_nobody(error)) {
        int fd = open(file, O_RDONLY | O_CLOEXEC);
        error = fd < 0 ? errno : 0;
        descriptor_close(fd);
    }
    errno = error;
    return means_nobody(error);
}

/*
 * Sets the user's name, to be freed; NULL for a uid without one. Returns 0, or -1 with errno set when
 * nobody can tell.
 */
static int find_user(uid_t uid, char **ret)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char *buffer = NULL;
    int error = ERANGE;

    for (size_t room = ENTRY_ROOM; error == ERANGE && room <= ENTRY_LARGEST; room *= 2) {
        free(buffer);
        buffer = malloc(room);
        error = buffer != NULL ? getpwuid_r(uid, &entry, buffer, room, &found) : ENOMEM;
    }
    *ret = error == 0 && found != NULL ? strdup(found->pw_name) : NULL;
    bool is_found = *ret != NULL || (found == NULL && is_absent(error, "/etc/passwd"));
    free(buffer);
    return is_found ? 0 : -1;
}

/*
 * Sets the name of a client, and who it is for people. A user name that could be taken for something
 * else, or that leaves its folder, is not used. Returns 0, or -1 with errno set.
 */
static int name_user(struct client *client, uid_t uid, bool *ret_has_name)
{
    char text[RECORD_CLIENT_ROOM];
    char *name = NULL;

    if (find_user(uid, &name) < 0)
        return -1;
    bool is_known = name != NULL;
    if (is_known && name_component_is_valid(name, strlen(name)))
        memcpy(client->component, name, strlen(name) + 1);
    int length = snprintf(text, sizeof text, "user:%s", is_known ? name : "");

    (void)snprintf(client->who, sizeof client->who, "uid %lu", (unsigned long)uid);
    if (is_known && length < (int)sizeof text && name[0] != '.' && strchr(name, ':') == NULL &&
        record_is_client(text, (size_t)length)) {
        memcpy(client->name, text, sizeof client->name);
        (void)snprintf(client->who, sizeof client->who, "user %s", name);
    } else if (is_known || uid == 0 || uid == geteuid()) {
        /* Unlike the name of any other user, which may not begin with a dot. */
        (void)snprintf(client->name, sizeof client->name, "user:.%lu", (unsigned long)uid);
    }
    free(name);
    *ret_has_name = is_known;
    return 0;
}

/* The same for one that the settings name; `kind` says how it came. */
static void name_client(struct client *client, const char *kind, const char *name)
{
    (void)snprintf(client->name, sizeof client->name, "%s:%s", kind, name);
    (void)snprintf(client->who, sizeof client->who, "%s:%s", kind, name);
    (void)snprintf(client->component, sizeof client->component, "%s", name);
}

/* A local user who has a number in this user namespace: only that can be told from others. */
static bool is_numbered(const struct peer *peer, const struct settings *settings)
{
    return peer->kind == PEER_USER &&
           (peer->uid != CONTROL_OVERFLOW_ID || settings->has_overflow_user);
}

/* One that may do everything. */
static bool is_own(const struct peer *peer)
{
    return peer->uid == 0 || peer->uid == geteuid();
}

/* Is this grant for the user at the other end, or one of its groups? */
static bool is_for(const struct grant *grant, const struct peer *peer, const gid_t *groups,
                   size_t count)
{
    if (!grant->exists)
        return false;
    if (grant->user != NULL)
        return peer->uid == grant->id;
    for (size_t i = 0; i < count; i++) {
        if (groups[i] == grant->id)
            return true;
    }
    return peer->gid == grant->id;
}

/*
 * Gives the client the rights of a row of the settings. If its name cannot be part of the folder, it gets
 * none, and that is logged. Returns 0, or -1 with errno set.
 */
static int add_grant(struct client *client, const struct grant *row)
{
    char folder[GRANT_FOLDER_ROOM];
    const char *wrong =
        row->folder != NULL ? grant_expand(row->folder, client->component, folder) : NULL;

    if (wrong != NULL && log_admits(LOG_FAILURES))
        log_event(LOG_LEVEL_WARNING, "a client has no rights in a folder", "client", client->who,
                  "folder", row->folder, "cause", wrong, NULL);
    if (wrong != NULL)
        return 0;
    struct client_grant *grants =
        reallocarray(client->grants, client->grant_count + 1, sizeof *grants);
    if (grants == NULL)
        return -1;
    client->grants = grants;
    struct client_grant *grant = &grants[client->grant_count];
    *grant = (struct client_grant){.row = row};
    if (row->folder != NULL && (grant->folder = strdup(folder)) == NULL)
        return -1;
    client->grant_count++;
    if (row->rights != 0)
        client->class = ACCESS_KNOWN;
    return 0;
}

void access_release(struct client *client)
{
    for (size_t i = 0; i < client->grant_count; i++)
        free(client->grants[i].folder);
    free(client->grants);
    client->grants = NULL;
    client->grant_count = 0;
}

/* Is a name below the folder? Or does it name the folder itself, or one on the way to it? */
static bool is_reached(const char *folder, const char *name)
{
    size_t length = strlen(name);

    if (folder == NULL)
        return true;
    size_t folder_length = name_length_without_slash(folder, strlen(folder));
    if (strncmp(name, folder, folder_length) == 0 && name[folder_length] == '/')
        return true;
    return (length == 0 || name[length - 1] == '/') && strncmp(folder, name, length) == 0;
}

/*
 * Is this a socket that a listener accepted? The sockets of a pair, which the program that started
 * this process may have made for it, have no address.
 */
static bool is_accepted(int fd, enum address_kind *ret_kind)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
        (address.ss_family == AF_UNIX && length <= sizeof address.ss_family))
        return false;
    *ret_kind = address.ss_family == AF_UNIX ? ADDRESS_UNIX : ADDRESS_PLAIN;
    return true;
}

void access_warm_up(void)
{
    struct client client = {.rights = 0};
    bool ignored = false;

    (void)name_user(&client, geteuid(), &ignored);
}

/* Finds the number of a grant's user or group. Returns 0, or -1 with errno set. */
static int resolve(struct grant *grant)
{
    errno = 0;
    const struct passwd *user = grant->user != NULL ? getpwnam(grant->user) : NULL;
    const struct group *group = grant->group != NULL ? getgrnam(grant->group) : NULL;
    grant->exists = user != NULL || group != NULL;
    grant->id = user != NULL ? user->pw_uid : group != NULL ? group->gr_gid : 0;
    if (!grant->exists)
        return is_absent(errno, grant->user != NULL ? "/etc/passwd" : "/etc/group") ? 0 : -1;
    return group != NULL && grant->id == CONTROL_OVERFLOW_ID
               ? control_find_id("/proc/self/gid_map", CONTROL_OVERFLOW_ID, &grant->exists)
               : 0;
}

int access_resolve(struct settings *settings, char fault[FAULT_LINE_ROOM])
{
    int code =
        control_find_id("/proc/self/uid_map", CONTROL_OVERFLOW_ID, &settings->has_overflow_user);

    if (code < 0)
        (void)snprintf(fault, FAULT_LINE_ROOM, "cannot read /proc/self/uid_map: %s",
                       strerror(errno));
    for (size_t i = 0; code == 0 && i < settings->users.count; i++) {
        struct grant *grant = settings->users.groups[i].values;
        const char *kind = grant->user != NULL ? "user" : "group";
        const char *name = grant->user != NULL ? grant->user : grant->group;
        code = resolve(grant);
        if (code < 0)
            (void)snprintf(fault, FAULT_LINE_ROOM, "users: cannot look up the %s %s: %s", kind,
                           name, strerror(errno));
        else if (!grant->exists)
            log_event(LOG_LEVEL_WARNING, "users names an unknown user or group", kind, name, NULL);
    }
    return code;
}

enum access_class access_classify(int connection, const struct peer *peer,
                                  const struct settings *settings)
{
    gid_t groups[GROUPS_MOST];
    size_t count = 0;

    if (!is_numbered(peer, settings))
        return ACCESS_STRANGER;
    if (is_own(peer))
        return ACCESS_OWN;
    /* Groups cost more, so they come second. */
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < settings->users.count; i++) {
            const struct grant *grant = settings->users.groups[i].values;
            if (grant->rights != 0 && is_for(grant, peer, groups, count))
                return ACCESS_KNOWN;
        }
        count = round == 0 ? peer_groups(connection, groups, GROUPS_MOST) : 0;
        if (count == 0 || count > GROUPS_MOST)
            break;
    }
    return ACCESS_STRANGER;
}

int access_identify(int fd, enum address_kind kind, const struct settings *settings,
                    struct client *ret)
{
    struct peer peer = peer_find(fd);
    bool has_name = false;
    int code = 0;

    *ret = (struct client){.name = "anonymous",
                           .who = "anonymous",
                           .rights = settings->anonymous,
                           .peer = peer.number};
    memcpy(ret->address, peer.address, sizeof ret->address);
    if (kind != ADDRESS_UNIX || !is_numbered(&peer, settings))
        return 0;
    if (name_user(ret, peer.uid, &has_name) < 0)
        return -1;
    if (has_name) {
        size_t count = peer_groups(fd, NULL, 0);
        gid_t *groups = malloc((count + 1) * sizeof *groups);
        if (groups == NULL)
            return -1;
        count = peer_groups(fd, groups, count);
        for (size_t i = 0; code == 0 && i < settings->users.count; i++) {
            const struct grant *row = settings->users.groups[i].values;
            if (is_for(row, &peer, groups, count))
                code = add_grant(ret, row);
        }
        free(groups);
    }
    if (is_own(&peer)) {
        ret->rights = RIGHTS_ALL;
        ret->class = ACCESS_OWN;
    }
    if (code < 0)
        access_release(ret);
    return code;
}

int access_identify_key(const struct tls_peer *tls, const struct peer *peer,
                        const struct settings *settings, struct client *ret)
{
    char text[FINGERPRINT_ROOM];
    int code = 0;

    *ret = (struct client){.name = "anonymous",
                           .who = "anonymous",
                           .rights = settings->anonymous,
                           .peer = peer->number};
    memcpy(ret->address, peer->address, sizeof ret->address);
    if (!tls->has_key)
        return 0;
    const struct client_key *known = settings_find_key(settings, &tls->key);
    if (known == NULL) {
        (void)snprintf(ret->who, sizeof ret->who, "anonymous with the key %s",
                       fingerprint_print(&tls->key, text));
        return 0;
    }
    name_client(ret, "key", known->first->client);
    ret->peer = peer_number_of_key(&tls->key);
    ret->has_known_key = true;
    ret->key = tls->key;
    for (const struct grant *row = known->first; code == 0 && row != NULL; row = row->next)
        code = add_grant(ret, row);
    if (code < 0)
        access_release(ret);
    return code;
}

int access_identify_stdio(int in, int out, struct settings *settings, struct client *ret,
                          char fault[FAULT_LINE_ROOM])
{
    enum address_kind kind = ADDRESS_EXEC;
    struct grant *stdio = &settings->stdio;
    bool ignored = false;
    int code = 0;
    /* The one that came from elsewhere shows who the client is. */
    int accepted = is_accepted(in, &kind) ? in : is_accepted(out, &kind) ? out : -1;

    if (accepted >= 0) {
        if (access_resolve(settings, fault) < 0)
            return -1;
        code = access_identify(accepted, kind, settings, ret);
    } else {
        *ret = (struct client){.name = "anonymous"};
        if (stdio->client != NULL)
            name_client(ret, "stdio", stdio->client);
        else
            code = name_user(ret, geteuid(), &ignored);
        /* That one is for the whole daemon. */
        if (stdio->folder != NULL)
            stdio->rights &= ~(unsigned)RIGHT_STATUS;
        if (code == 0)
            code = add_grant(ret, stdio);
    }
    if (code < 0)
        (void)snprintf(fault, FAULT_LINE_ROOM, "cannot find out who the client is: %s",
                       strerror(errno));
    return code;
}

unsigned access_rights(const struct client *client, const char *name)
{
    unsigned rights = client->rights;

    for (size_t i = 0; i < client->grant_count; i++) {
        if (is_reached(client->grants[i].folder, name))
            rights |= client->grants[i].row->rights;
    }
    return rights;
}

/* Adds a text to those that are published. Returns where it begins; 0 for NULL. */
static size_t publish_text(struct access_now *now, const char *text, size_t *used)
{
    size_t begin = *used;
    size_t length = text != NULL ? strlen(text) + 1 : 0;

    if (length == 0 || length > sizeof now->texts - begin)
        return 0;
    memcpy(now->texts + begin, text, length);
    *used += length;
    return begin;
}

static void publish_grants(struct access_now *now, const struct setting_groups *groups,
                           size_t *used)
{
    for (size_t i = 0; i < groups->count; i++) {
        const struct grant *grant = groups->groups[i].values;
        if (grant->client == NULL && !grant->exists)
            continue;
        now->grants[now->count].is_user = grant->user != NULL;
        now->grants[now->count].id = grant->id;
        now->grants[now->count].client = publish_text(now, grant->client, used);
        now->grants[now->count].rights = grant->rights;
        now->grants[now->count].folder = publish_text(now, grant->folder, used);
        now->count++;
    }
}

uint64_t access_publish(struct access_now *now, const struct settings *settings)
{
    size_t used = 1;

    atomic_fetch_add(&now->version, 1);
    now->anonymous = settings->anonymous;
    now->count = 0;
    publish_grants(now, &settings->users, &used);
    size_t clients = now->count;
    publish_grants(now, &settings->clients, &used);
    now->key_count = settings->key_count;
    for (size_t i = 0; i < settings->key_count; i++) {
        const struct client_key *key = &settings->keys[i];
        now->keys[i].key = key->key;
        now->keys[i].grant = clients + (size_t)(key->row - settings->clients.groups);
    }
    return atomic_fetch_add(&now->version, 1) + 1;
}

/* Is all of a folder in another one, or the same? */
static bool is_within(const char *folder, const char *other)
{
    size_t length = name_length_without_slash(other, strlen(other));

    return strncmp(folder, other, length) == 0 && (folder[length] == '/' || folder[length] == '\0');
}

/* Does the client have what is published at this place: by its user, a group, or its name? */
static bool has_published(const struct client *client, const struct access_now *now, size_t place)
{
    if (client->has_known_key)
        return strcmp(now->texts + now->grants[place].client, client->component) == 0;
    for (size_t i = 0; i < client->grant_count; i++) {
        const struct grant *row = client->grants[i].row;
        if (now->grants[place].client == 0 && (row->user != NULL) == now->grants[place].is_user &&
            row->id == now->grants[place].id)
            return true;
    }
    return false;
}

/* Does the client have these rights to a folder now? NULL is the library. */
static bool has_still(const struct client *client, const struct access_now *now, unsigned rights,
                      const char *folder)
{
    char expanded[GRANT_FOLDER_ROOM];
    unsigned missing = rights & ~now->anonymous;

    for (size_t i = 0; missing != 0 && i < now->count; i++) {
        size_t other = now->grants[i].folder;
        if ((missing & now->grants[i].rights) != 0 && has_published(client, now, i) &&
            (other == 0 || (folder != NULL &&
                            grant_expand(now->texts + other, client->component, expanded) == NULL &&
                            is_within(folder, expanded))))
            missing &= ~now->grants[i].rights;
    }
    return missing == 0;
}

/* Is the client's key still the key of a client of that name? */
static bool has_key_still(const struct client *client, const struct access_now *now)
{
    for (size_t i = 0; i < now->key_count; i++) {
        if (fingerprint_is_equal(&now->keys[i].key, &client->key))
            return has_published(client, now, now->keys[i].grant);
    }
    return false;
}

/* What access_has_lost() returns, for rights that do not change meanwhile. */
static bool has_less(const struct client *client, const struct access_now *now)
{
    if (client->class == ACCESS_OWN)
        return false;
    if (!has_still(client, now, client->rights, NULL) ||
        (client->has_known_key && !has_key_still(client, now)))
        return true;
    for (size_t i = 0; i < client->grant_count; i++) {
        const struct client_grant *grant = &client->grants[i];
        if (!has_still(client, now, grant->row->rights, grant->folder))
            return true;
    }
    return false;
}

bool access_has_lost(const struct client *client, const struct access_now *now, uint64_t *version)
{
    uint64_t before = atomic_load(&now->version);

    /* While it is being changed, what was so far still holds. */
    while (before != *version && before % 2 == 0) {
        bool has_lost = has_less(client, now);
        uint64_t after = atomic_load(&now->version);
        if (after == before) {
            *version = before;
            return has_lost;
        }
        before = after;
    }
    return false;
}
