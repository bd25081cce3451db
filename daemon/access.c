#include "daemon/access.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *const access_right_words[] = {"list", "get", "put", "status", NULL};

/* "user:NAME", when the name can be one: it must not collide with another, nor leave its folder. */
static bool set_name(struct client *client, const char *name)
{
    char text[RECORD_CLIENT_ROOM];
    int length = snprintf(text, sizeof text, "user:%s", name);

    if (length >= (int)sizeof text || name[0] == '.' || strchr(name, ':') != NULL ||
        !record_is_client(text, (size_t)length))
        return false;
    memcpy(client->name, text, sizeof client->name);
    return true;
}

static void name_user(struct client *client, uid_t uid)
{
    char buffer[4096];
    struct passwd entry;
    struct passwd *found = NULL;

    (void)getpwuid_r(uid, &entry, buffer, sizeof buffer, &found);
    if (found != NULL && set_name(client, found->pw_name)) {
        (void)snprintf(client->who, sizeof client->who, "user %s", found->pw_name);
        return;
    }
    (void)snprintf(client->who, sizeof client->who, "uid %lu", (unsigned long)uid);
    /* No other user is called so: names that begin with a dot are not taken. */
    if (uid == 0 || uid == geteuid())
        (void)snprintf(client->name, sizeof client->name, "user:.%lu", (unsigned long)uid);
}

void access_warm_up(void)
{
    struct client client;

    name_user(&client, geteuid());
}

void access_identify(int fd, enum address_kind kind, unsigned anonymous, struct client *ret)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t length = sizeof peer;

    *ret = (struct client){.name = "anonymous", .who = "anonymous", .rights = anonymous};
    if (kind != ADDRESS_UNIX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return;
    name_user(ret, peer.uid);
    if (peer.uid == 0 || peer.uid == geteuid())
        ret->rights = RIGHTS_ALL;
}

void access_identify_stdio(int fd, unsigned anonymous, struct client *ret)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof address;
    bool is_socket = getsockname(fd, (struct sockaddr *)&address, &length) == 0;

    /* The sockets of a pair have no name. */
    if (is_socket && (address.ss_family != AF_UNIX || length > sizeof address.ss_family)) {
        access_identify(fd, address.ss_family == AF_UNIX ? ADDRESS_UNIX : ADDRESS_PLAIN, anonymous,
                        ret);
        return;
    }
    *ret = (struct client){.name = "anonymous", .rights = RIGHTS_ALL};
    name_user(ret, geteuid());
}

bool access_permits(const struct client *client, unsigned rights)
{
    return (client->rights & rights) == rights;
}
