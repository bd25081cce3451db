#include "daemon/access.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
    const char *word;
    enum right right;
} rights_table[] = {
    {"list", RIGHT_LIST},
    {"get", RIGHT_GET},
    {"put", RIGHT_PUT},
};

static unsigned right_of_word(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof rights_table / sizeof rights_table[0]; i++) {
        if (strlen(rights_table[i].word) == length &&
            memcmp(rights_table[i].word, word, length) == 0)
            return rights_table[i].right;
    }
    return 0;
}

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

bool access_parse_rights(const char *text, unsigned *ret, const char **ret_word, size_t *ret_length)
{
    unsigned rights = 0;

    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        unsigned right = right_of_word(text, length);
        if (right == 0) {
            *ret_word = text;
            *ret_length = length;
            return false;
        }
        rights |= right;
        text += length;
    }
    *ret = rights;
    return true;
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

bool access_permits(const struct client *client, unsigned rights)
{
    return (client->rights & rights) == rights;
}
