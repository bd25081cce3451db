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

    *ret = (struct client){.name = "anonymous",
                           .who = "anonymous",
                           .rights = settings->anonymous,
                           .peer = peer.number};
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
        ret->users = &settings->users;
        for (size_t i = 0; i < ret->users->count; i++) {
            const struct grant *grant = ret->users->groups[i].values;
            ret->granted[i] = is_for(grant, &peer, groups, count);
            if (ret->granted[i] && grant->rights != 0)
                ret->class = ACCESS_KNOWN;
        }
        free(groups);
    }
    if (is_own(&peer)) {
        ret->rights = RIGHTS_ALL;
        ret->class = ACCESS_OWN;
    }
    return 0;
}

int access_identify_stdio(int in, int out, struct settings *settings, struct client *ret,
                          char fault[FAULT_LINE_ROOM])
{
    enum address_kind kind = ADDRESS_EXEC;
    bool ignored = false;
    int code = 0;
    /* The one that came from elsewhere shows who the client is. */
    int accepted = is_accepted(in, &kind) ? in : is_accepted(out, &kind) ? out : -1;

    if (accepted >= 0) {
        if (access_resolve(settings, fault) < 0)
            return -1;
        code = access_identify(accepted, kind, settings, ret);
    } else {
        *ret = (struct client){.name = "anonymous", .rights = settings->stdio_rights};
        code = name_user(ret, geteuid(), &ignored);
    }
    if (code < 0)
        (void)snprintf(fault, FAULT_LINE_ROOM, "cannot find out who the client is: %s",
                       strerror(errno));
    return code;
}

unsigned access_rights(const struct client *client, const char *name)
{
    unsigned rights = client->rights;

    for (size_t i = 0; client->users != NULL && i < client->users->count; i++) {
        const struct grant *grant = client->users->groups[i].values;
        if (client->granted[i] && is_reached(grant->folder, name))
            rights |= grant->rights;
    }
    return rights;
}

uint64_t access_publish(struct access_now *now, const struct settings *settings)
{
    size_t used = 1;

    atomic_fetch_add(&now->version, 1);
    now->anonymous = settings->anonymous;
    now->count = 0;
    for (size_t i = 0; i < settings->users.count; i++) {
        const struct grant *grant = settings->users.groups[i].values;
        size_t length = grant->folder != NULL ? strlen(grant->folder) + 1 : 0;
        if (!grant->exists || length > sizeof now->folders - used)
            continue;
        now->grants[now->count].is_user = grant->user != NULL;
        now->grants[now->count].id = grant->id;
        now->grants[now->count].rights = grant->rights;
        now->grants[now->count].folder = grant->folder != NULL ? used : 0;
        now->count++;
        if (grant->folder != NULL)
            memcpy(now->folders + used, grant->folder, length);
        used += length;
    }
    return atomic_fetch_add(&now->version, 1) + 1;
}

/* Did the client get rights by this user or group? */
static bool has_matched(const struct client *client, bool is_user, unsigned id)
{
    for (size_t i = 0; client->users != NULL && i < client->users->count; i++) {
        const struct grant *grant = client->users->groups[i].values;
        if (client->granted[i] && (grant->user != NULL) == is_user && grant->id == id)
            return true;
    }
    return false;
}

/* Is all of a folder in another one, or the same? "" is the library. */
static bool is_within(const char *folder, const char *other)
{
    size_t length = name_length_without_slash(other, strlen(other));

    return length == 0 || (strncmp(folder, other, length) == 0 &&
                           (folder[length] == '/' || folder[length] == '\0'));
}

/* Does the client have these rights to a folder now? */
static bool has_still(const struct client *client, const struct access_now *now, unsigned rights,
                      const char *folder)
{
    unsigned missing = rights & ~now->anonymous;

    for (size_t i = 0; missing != 0 && i < now->count; i++) {
        if (has_matched(client, now->grants[i].is_user, now->grants[i].id) &&
            is_within(folder, now->folders + now->grants[i].folder))
            missing &= ~now->grants[i].rights;
    }
    return missing == 0;
}

bool access_has_lost(const struct client *client, const struct access_now *now, uint64_t *version)
{
    uint64_t before = atomic_load(&now->version);

    /* While it is being changed, what was so far still holds. */
    while (before != *version && before % 2 == 0) {
        bool has_lost = client->class != ACCESS_OWN && !has_still(client, now, client->rights, "");
        for (size_t i = 0; client->users != NULL && i < client->users->count; i++) {
            const struct grant *grant = client->users->groups[i].values;
            if (client->class != ACCESS_OWN && client->granted[i])
                has_lost = has_lost || !has_still(client, now, grant->rights,
                                                  grant->folder != NULL ? grant->folder : "");
        }
        uint64_t after = atomic_load(&now->version);
        if (after == before) {
            *version = before;
            return has_lost;
        }
        before = after;
    }
    return false;
}
