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

/* Makes settings whose users and groups have the first letters of their names as numbers. */
static void make_settings(struct settings *settings, const char *source)
{
    struct fault fault;

    settings_init(settings);
    CHECK(configuration_parse(&settings->configuration, source, "F", &fault) == 0);
    for (size_t i = 0; i < settings->users.count; i++) {
        struct grant *grant = settings->users.groups[i].values;
        grant->exists = true;
        grant->id = (unsigned char)(grant->user != NULL ? grant->user : grant->group)[0];
    }
}

/* Which changes of the settings take a right from a client that these rows apply to? */
static void check_losses(void)
{
    static const char before[] = "anonymous = \"list\"; users = ("
                                 "{ user = \"ann\"; rights = \"get put\"; folder = \"a/b\"; },"
                                 "{ group = \"staff\"; rights = \"delete\"; },"
                                 "{ user = \"bob\"; rights = \"get\"; } );";
    static const struct {
        const char *granted;
        const char *after;
        bool has_lost;
    } rows[] = {
        {"01", before, false},
        {"", before, false},
        {"", "anonymous = \"list get\";", false},
        {"", "anonymous = \"get\";", true},
        {"2", "anonymous = \"list\"; users = ( { user = \"ann\"; rights = \"get\"; } );", true},
        {"2", "anonymous = \"list\"; users = ( { group = \"bob\"; rights = \"get\"; } );", true},
        {"2", "anonymous = \"list\"; users = ( { user = \"bob\"; rights = \"get put\"; } );",
         false},
        {"2", "anonymous = \"list get\";", false},
        {"2", "users = ( { user = \"bob\"; rights = \"get list\"; } );", false},
        {"2",
         "anonymous = \"list\"; users = ( { user = \"bob\"; rights = \"get\"; folder = \"a\"; } );",
         true},
        /* Folders that are as they were, wider or narrower, and one that only begins alike. */
        {"0",
         "anonymous = \"list\"; users = ( { user = \"ann\"; rights = \"get put\"; folder = \"a/b/\"; } );",
         false},
        {"0",
         "anonymous = \"list\"; users = ( { user = \"ann\"; rights = \"get put\"; folder = \"a\"; } );",
         false},
        {"0",
         "anonymous = \"list put\"; users = ( { user = \"ann\"; rights = \"get\"; folder = \"a\"; } );",
         false},
        {"0",
         "anonymous = \"list\"; users = ( { user = \"ann\"; rights = \"get put\"; folder = \"a/b/c\"; } );",
         true},
        {"0",
         "anonymous = \"list\"; users = ( { user = \"ann\"; rights = \"get put\"; folder = \"a/bc\"; } );",
         true},
        {"0",
         "anonymous = \"list\"; users = ( { user = \"ann\"; rights = \"get put\"; folder = \"a/\"; } );",
         false},
        /* Two rows give what one gave; another row may belong to a group that was not asked for. */
        {"0",
         "anonymous = \"list\"; users = ( { user = \"ann\"; rights = \"get\"; },"
         "{ user = \"ann\"; rights = \"put\"; folder = \"a\"; } );",
         false},
        {"0",
         "anonymous = \"list\"; users = ( { user = \"ann\"; rights = \"get\"; },"
         "{ group = \"staff\"; rights = \"put\"; } );",
         true},
        {"01",
         "anonymous = \"list\"; users = ( { user = \"ann\"; rights = \"get\"; },"
         "{ group = \"staff\"; rights = \"put delete\"; } );",
         false},
        {"01", "anonymous = \"list\"; users = ( { user = \"ann\"; rights = \"get put\"; } );",
         true},
    };
    static struct access_now now;
    struct settings old;
    struct settings new;

    make_settings(&old, before);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client client = make_client(&old, rows[i].granted);
        uint64_t version = access_publish(&now, &old);
        make_settings(&new, rows[i].after);
        CHECK(!access_has_lost(&client, &now, &version));
        uint64_t next = access_publish(&now, &new);
        bool has_lost = access_has_lost(&client, &now, &version);
        if (has_lost != rows[i].has_lost)
            (void)fprintf(stderr, "%s: %s\n", rows[i].granted, rows[i].after);
        CHECK(has_lost == rows[i].has_lost && version == next);
        /* Root has all rights whatever they say. */
        client.class = ACCESS_OWN;
        version = 0;
        CHECK(!access_has_lost(&client, &now, &version) && version == next);
        settings_release(&new);
    }
    settings_release(&old);
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
    check_losses();
    return 0;
}
