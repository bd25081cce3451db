#include "daemon/access.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/check.h"

static const char text[] = "anonymous = \"status\"; users = ("
                           "{ user = \"root\"; rights = \"put\"; folder = \"drop/bob\"; },"
                           "{ group = \"root\"; rights = \"list\"; folder = \"drop/\"; },"
                           "{ user = \"root\"; rights = \"get\"; },"
                           "{ group = \"no-such-group\"; rights = \"put\"; folder = \"new\"; },"
                           "{ group = \"root\"; rights = \"list put\"; folder = \"a b/c\"; } );";

/* The user ann, to whom the rows of `granted` are granted. */
static struct client make_client(const struct settings *settings, const char *granted)
{
    struct client client = {.rights = settings->anonymous, .component = "ann"};

    client.grants = calloc(strlen(granted) + 1, sizeof *client.grants);
    for (; *granted != '\0'; granted++) {
        char folder[GRANT_FOLDER_ROOM];
        struct client_grant *grant = &client.grants[client.grant_count++];
        grant->row = settings->users.groups[*granted - '0'].values;
        if (grant->row->folder == NULL)
            continue;
        CHECK(grant_expand(grant->row->folder, client.component, folder) == NULL);
        grant->folder = strdup(folder);
    }
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
        struct client client = make_client(settings, rows[i].granted);
        unsigned rights = access_rights(&client, rows[i].name);
        if (rights != (RIGHT_STATUS | rows[i].rights))
            (void)fprintf(stderr, "%s of %s: %x\n", rows[i].name, rows[i].granted, rights);
        CHECK(rights == (RIGHT_STATUS | rows[i].rights));
        access_release(&client);
    }
}

/* Makes settings whose users and groups have the first letters of their names as numbers. */
static void make_settings(struct settings *settings, const char *source)
{
    struct fault fault;

    settings_init(settings);
    CHECK(configuration_parse(&settings->configuration, source, "F", &fault) == 0);
    CHECK(settings_link_clients(settings, &fault) == 0);
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
                                 "{ user = \"bob\"; rights = \"get\"; },"
                                 "{ group = \"staff\"; rights = \"get\"; folder = \"h/%c\"; } );";
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
        access_release(&client);
        settings_release(&new);
    }
    settings_release(&old);
}

static const struct peer no_address = {.kind = PEER_UNKNOWN};

/* Identifies the client with the key whose fingerprint has that first byte and zeros. */
static struct client identify(const struct settings *settings, unsigned char first)
{
    const struct tls_peer peer = {.has_key = true, .key.bytes[0] = first};
    struct client client;

    CHECK(access_identify_key(&peer, &no_address, settings, &client) == 0);
    return client;
}

/* The text of that fingerprint: 'A' is 0x00, 'B' 0x04. */
#define KEY(letter) "\"SHA256:" letter "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""

static void check_keys(void)
{
    static const char source[] =
        "anonymous = \"list\"; clients = ("
        "{ name = \"web1\"; key = (" KEY("B") ", " KEY(
            "C") "); rights = \"put\"; folder = \"h/%c\"; },"
                 "{ name = \"web2\"; key = " KEY(
                     "D") "; rights = \"put\"; folder = \"h/%c/\"; },"
                          "{ name = \"web1\"; key = " KEY(
                              "E") "; rights = \"get\"; folder = \"%c%%\"; },"
                                   "{ name = \"none\"; key = [" KEY("F") "]; rights = \"\"; } );";
    const struct tls_peer nobody = {.has_key = false};
    struct settings settings;
    struct client client;
    char peer_text[PEER_ROOM];

    make_settings(&settings, source);
    CHECK(settings.key_count == 5);
    for (unsigned char letter = 1; letter <= 4; letter++) {
        client = identify(&settings, (unsigned char)(4 * letter));
        bool is_web1 = letter != 3;
        CHECK(strcmp(client.name, is_web1 ? "key:web1" : "key:web2") == 0);
        CHECK(strcmp(client.who, client.name) == 0);
        CHECK(client.class == ACCESS_KNOWN && client.has_known_key);
        CHECK(access_rights(&client, is_web1 ? "h/web1/a" : "h/web2/a") ==
              (RIGHT_LIST | RIGHT_PUT));
        CHECK(access_rights(&client, is_web1 ? "h/web2/a" : "h/web1/a") == RIGHT_LIST);
        CHECK(access_rights(&client, "h/%c/a") == RIGHT_LIST);
        CHECK(access_rights(&client, "web1%/a") == (RIGHT_LIST | (is_web1 ? RIGHT_GET : 0U)));
        CHECK(peer_describe(client.peer, peer_text) == peer_text &&
              strncmp(peer_text, "key SHA256:", 11) == 0);
        CHECK(peer_text[11] == 'A' + letter && strcmp(peer_text + 12, "AAAA...") == 0);
        access_release(&client);
    }
    client = identify(&settings, 20);
    CHECK(strcmp(client.name, "key:none") == 0 && client.class == ACCESS_STRANGER);
    CHECK(access_rights(&client, "h/none/a") == RIGHT_LIST);
    access_release(&client);
    /* Anybody. */
    client = identify(&settings, 24);
    CHECK(strcmp(client.name, "anonymous") == 0 && client.class == ACCESS_STRANGER);
    CHECK(strcmp(client.who, "anonymous with the key "
                             "SHA256:GAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") == 0);
    CHECK(access_rights(&client, "h/web1/a") == RIGHT_LIST && !client.has_known_key);
    access_release(&client);
    CHECK(access_identify_key(&nobody, &no_address, &settings, &client) == 0);
    CHECK(strcmp(client.who, "anonymous") == 0);
    access_release(&client);
    settings_release(&settings);
}

/* Which changes take a right from the client web1 with the key B? */
static void check_lost_keys(void)
{
#define WEB1(keys, rest) "{ name = \"web1\"; key = (" keys "); rights = \"put\"; " rest " }"
    static const struct {
        const char *after;
        bool has_lost;
    } rows[] = {
        {"clients = ( " WEB1(KEY("B"), "folder = \"h/%c\";") " );", false},
        {"clients = ( " WEB1(KEY("C") ", " KEY("B"), "folder = \"h/web1/\";") " );", false},
        {"clients = ( " WEB1(KEY("B"), "") " );", false},
        {"clients = ( " WEB1(KEY("C"), "folder = \"x\";") ", " WEB1(
             KEY("D"),
             "folder = \"h\";") ", { name = \"web1\"; key = " KEY("B") "; rights = \"\"; } );",
         false},
        {"anonymous = \"put\"; clients = ( { name = \"web1\"; key = " KEY(
             "B") "; rights = \"\"; } );",
         false},
        /* Another right or folder, another key, and another name. */
        {"clients = ( { name = \"web1\"; key = " KEY("B") "; rights = \"get\"; } );", true},
        {"clients = ( " WEB1(KEY("B"), "folder = \"h/%c/x\";") " );", true},
        {"clients = ( " WEB1(KEY("B"), "folder = \"h/web2\";") " );", true},
        {"clients = ( " WEB1(KEY("C"), "folder = \"h/%c\";") " );", true},
        {"anonymous = \"put\"; clients = ( " WEB1(KEY("C"), "") " );", true},
        {"anonymous = \"put\"; clients = ( " WEB1(KEY("C"), "") ", { name = \"web2\"; key = " KEY(
             "B") "; rights = \"put\"; } );",
         true},
        {"anonymous = \"put\";", true},
        {"", true},
        /* A user of that name is somebody else. */
        {"users = ( { user = \"web1\"; rights = \"put\"; } ); "
         "clients = ( { name = \"web1\"; key = " KEY("B") "; rights = \"\"; } );",
         true},
    };
    static struct access_now now;
    struct settings old;
    struct settings new;

    make_settings(&old, "clients = ( " WEB1(KEY("B"), "folder = \"h/%c\";") " );");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client client = identify(&old, 4);
        struct client stranger = identify(&old, 8);
        uint64_t version = access_publish(&now, &old);
        uint64_t strangers_version = version;
        CHECK(!access_has_lost(&client, &now, &version));
        make_settings(&new, rows[i].after);
        uint64_t next = access_publish(&now, &new);
        bool has_lost = access_has_lost(&client, &now, &version);
        if (has_lost != rows[i].has_lost)
            (void)fprintf(stderr, "%s\n", rows[i].after);
        CHECK(has_lost == rows[i].has_lost && version == next);
        /* One who had nothing has nothing to lose. */
        CHECK(!access_has_lost(&stranger, &now, &strangers_version));
        access_release(&client);
        access_release(&stranger);
        settings_release(&new);
    }
    settings_release(&old);
}

static void check_fault(const char *source, const char *expected)
{
    struct settings settings;
    struct fault fault;
    char line[FAULT_LINE_ROOM];

    settings_init(&settings);
    int code = configuration_parse(&settings.configuration, source, "F", &fault);
    if (code == 0) {
        fault = (struct fault){.file = NULL};
        code = settings_link_clients(&settings, &fault);
    }
    if (code == 0 || strcmp(fault_print(&fault, line), expected) != 0)
        (void)fprintf(stderr, "%s\n%s\n", expected, code < 0 ? line : "no fault");
    CHECK(code < 0 && strcmp(line, expected) == 0);
    settings_release(&settings);
}

static void check_faults(void)
{
    check_fault(
        "clients = ( { name = \"sd\"; rights = \"\"; key = " KEY("B") "; folder = \".f%c\"; } );",
        "F:1: clients[0]: with the client's name in it, the folder is not a valid name");
    check_fault(
        "clients = ( { name = \"a\"; rights = \"\"; key = " KEY(
            "B") "; },\n"
                 "{ name = \"b\"; rights = \"\"; key =\n(" KEY("C") ", " KEY("B") "); } );",
        "F:2: clients: the key SHA256:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA is in use "
        "already, by a (F:1)");
    check_fault(
        "clients = ( { name = \"a\"; rights = \"\"; key = [" KEY("B") ", " KEY("B") "]; } );",
        "F:1: clients: the key SHA256:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA is in use "
        "already, by a (F:1)");
    check_fault("clients = ( { name = \"a\"; rights = \"\"; key = " KEY(
                    "B") "; },\n"
                         "{ name = \"b\"; rights = \"get\"; } );",
                "F:2: clients: b has no key");
    check_fault(
        "clients = ( { name = \"a\"; rights = \"\"; key = \"SHA256:\"; } );",
        "F:1: clients[0].key: SHA256:: not the fingerprint of a key, as fsc identity shows it");
    check_fault(
        "clients = ( { name = \"a\"; rights = \"status\"; key = " KEY("B") "; folder = \"a\"; } );",
        "F:1: clients[0]: the right status is for the whole daemon, not for a folder");
    check_fault(
        "users = ( { group = \"a\"; rights = \"\"; folder = \"h/%d\"; } );",
        "F:1: users[0].folder: h/%d: a \"%\" must be followed by \"c\", for the client's name, "
        "or by another \"%\"");
}

static void check_folders(void)
{
    static const struct {
        const char *folder, *client, *expected;
    } rows[] = {
        {"a/%c", "web1", "a/web1"},   {"%c%c/%%c", "x", "xx/%c"},
        {"a/%c/", "web1", "a/web1/"}, {"a", "", "a"},
        {"a/%c", "", NULL},           {"a%c", "", NULL},
        {"a/%c", "..", NULL},         {"a/%c", "b/c", NULL},
        {"a/.f%c", "sd", NULL},       {"%c", ".fsd", NULL},
        {"a/%c", "a\nb", NULL},       {"%", "x", NULL},
        {"a/%x", "x", NULL},          {"a//%c", "x", NULL},
        {"/%c", "x", NULL},
    };
    char folder[GRANT_FOLDER_ROOM];
    char longest[2 * NAME_LONGEST] = "";

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *wrong = grant_expand(rows[i].folder, rows[i].client, folder);
        CHECK((wrong == NULL) == (rows[i].expected != NULL));
        CHECK(wrong != NULL || strcmp(folder, rows[i].expected) == 0);
    }
    /* "bb/" 341 times has 1,023 bytes, of which the last one need not count. */
    for (size_t i = 0; i < NAME_LONGEST; i++)
        longest[i] = "%c/"[i % 3];
    CHECK(grant_expand(longest, "bb", folder) == NULL && strlen(folder) == NAME_LONGEST);
    CHECK(grant_expand(longest, "bbb", folder) != NULL);
    longest[NAME_LONGEST] = 'x';
    CHECK(grant_expand(longest, "bb", folder) != NULL);
    longest[NAME_LONGEST] = '%';
    longest[NAME_LONGEST + 1] = 'c';
    CHECK(grant_expand(longest, "bb", folder) != NULL);
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
    check_keys();
    check_lost_keys();
    check_faults();
    check_folders();
    return 0;
}
