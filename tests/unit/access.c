#include "daemon/access.h"

#include "tests/unit/check.h"

static const char text[] = "anonymous = \"status\"; users = ("
                           "{ user = \"root\"; rights = \"put\"; folder = \"drop/bob\"; },"
                           "{ group = \"root\"; rights = \"list\"; folder = \"drop/\"; },"
                           "{ user = \"root\"; rights = \"get\"; },"
                           "{ group = \"no-such-group\"; rights = \"put\"; folder = \"new\"; },"
                           "{ group = \"root\"; rights = \"list put\"; folder = \"a b/c\"; } );";

/* A client to whom the rows of `granted` are granted. */
static struct client make_client(const struct settings *settings, const char *granted)
{
    struct client client = {.rights = settings->anonymous, .users = &settings->users};

    for (; *granted != '\0'; granted++)
        client.granted[*granted - '0'] = true;
    return client;
}

static void check_rights(const struct settings *settings)
{
    static const struct {
        const char *granted;
        const char *name;
        unsigned rights; /* besides that of everybody */
    } rows[] = {
        {"", "", 0},
        {"", "drop/bob/x", 0},
        {"0", "drop/bob/x", RIGHT_PUT},
        {"0", "drop/bob/x/y", RIGHT_PUT},
        {"0", "drop/bob/", RIGHT_PUT},
        {"0", "drop/bob/x/", RIGHT_PUT},
        {"0", "drop/bob", 0},
        {"0", "drop/bob2", 0},
        {"0", "drop/bob2/x", 0},
        {"0", "drop/bob2/", 0},
        {"0", "drop/bo/", 0},
        {"0", "drop/bo", 0},
        {"0", "drop/x", 0},
        {"0", "x/drop/bob/x", 0},
        /* A folder on the way, and a file of its name. */
        {"0", "drop/", RIGHT_PUT},
        {"0", "", RIGHT_PUT},
        {"0", "drop", 0},
        {"0", "dro/", 0},
        /* With a '/' behind the folder in the configuration. */
        {"1", "drop/x", RIGHT_LIST},
        {"1", "drop/", RIGHT_LIST},
        {"1", "drop", 0},
        {"1", "drop2/x", 0},
        {"4", "a b/c/d", RIGHT_LIST | RIGHT_PUT},
        {"4", "a b/", RIGHT_LIST | RIGHT_PUT},
        {"4", "a b/d", 0},
        /* Everywhere, and all together. */
        {"2", "drop", RIGHT_GET},
        {"2", "", RIGHT_GET},
        {"012", "drop/bob/x", RIGHT_PUT | RIGHT_LIST | RIGHT_GET},
        {"012", "drop/x", RIGHT_LIST | RIGHT_GET},
        {"012", "drop", RIGHT_GET},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct client client = make_client(settings, rows[i].granted);
        unsigned rights = access_rights(&client, rows[i].name);
        if (rights != (RIGHT_STATUS | rows[i].rights))
            (void)fprintf(stderr, "%s of %s: %x\n", rows[i].name, rows[i].granted, rights);
        CHECK(rights == (RIGHT_STATUS | rows[i].rights));
    }
}

int main(void)
{
    struct fault fault;
    struct settings settings;

    settings_init(&settings);
    CHECK(configuration_parse(&settings.configuration, text, "F", &fault) == 0);
    check_rights(&settings);
    /* The setting is nothing to a client that is no local user. */
    const struct client remote = {.rights = settings.anonymous};
    CHECK(access_rights(&remote, "drop/x") == RIGHT_STATUS);
    settings_release(&settings);
    return 0;
}
