#include "cli/settings.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/user_folder.h"
#include "protocol/fingerprint.h"
#include "protocol/name.h"
#include "settings/quantity.h"

static const char *check_address(const char *text)
{
    struct address address = {.kind = ADDRESS_UNIX};
    const char *wrong = text[0] == '\0' ? "no server address" : address_parse(text, &address);

    /* As scp(1) takes it. */
    if ((address.kind == ADDRESS_UNIX || address.kind == ADDRESS_TLS) && text[0] != '/' &&
        strncmp(text, "unix:", 5) != 0 &&
        (strncmp(text, "ssh:", 4) == 0 || strchr(text, '@') != NULL ||
         (strstr(text, ":/") != NULL && strstr(text, "://") == NULL)))
        return "not an address (use ssh://[USER@]HOST[/LIBRARY] for another machine)";
    return wrong;
}

static const char *check_user(const char *text)
{
    return name_component_is_valid(text, strlen(text)) ? NULL : "not a valid name of a user";
}

/* Also a valid host, which could otherwise be an address of another kind. */
static const char *check_name(const char *text)
{
    struct address address;

    return strpbrk(text, ".:/[") == NULL && address_parse(text, &address) == NULL
               ? NULL
               : "not a valid name (it can have neither . : / [ @ nor blanks)";
}

static const char *check_key(const char *text)
{
    struct fingerprint fingerprint;

    return fingerprint_parse(text, &fingerprint) ? NULL
                                                 : "not a fingerprint (SHA256: and 43 characters)";
}

static const char *check_server(const void *values)
{
    const struct server *server = values;
    struct address address;

    (void)address_parse(server->address, &address);
    return (server->keys.count > 0 || server->identity != NULL) && address.kind != ADDRESS_TLS
               ? "key and identity are for an address HOST:PORT only"
               : NULL;
}

#define DAY          (INT64_C(24) * 3600 * 1000)
#define RETRIES_MOST 1000000

#define AT(member) offsetof(struct server, member)

static const struct setting server_settings[] = {
    {"name", SETTING_TEXT, AT(name), NULL, .check = check_name, .is_required = true,
     .help = "what --server calls it"},
    {"address", SETTING_TEXT, AT(address), NULL, .check = check_address, .is_required = true,
     .help = "where it is"},
    {"key", SETTING_LIST, AT(keys), NULL, .check = check_key,
     .help = "the fingerprints of its key, instead of pins"},
    {"identity", SETTING_PATH, AT(identity), NULL, .help = "the file of your key for it"},
    {"retry", SETTING_COUNT, AT(retries), NULL, .most = RETRIES_MOST,
     .help = "how many more attempts a file gets there"},
    {.name = NULL},
};

#undef AT
#define AT(member) offsetof(struct settings, member)

/* Name, kind, member and default; of numbers also the least and the most. */
const struct setting settings_table[] = {
    {"server", SETTING_TEXT, AT(server_text), ADDRESS_DEFAULT, .check = check_address,
     .help = "where the library is served"},
    {"servers", SETTING_GROUPS, AT(servers), NULL, .members = server_settings,
     .size = sizeof(struct server), .check_group = check_server, .is_joined = true,
     .help = "names for servers, and what goes with each"},
    {"identity", SETTING_PATH, AT(identity), NULL, .help = "the file of your key"},
    {"socket_users", SETTING_LIST, AT(socket_users), NULL, .check = check_user,
     .help = "users, or uids, who may serve a Unix socket where others can make one"},
    {"retry", SETTING_COUNT, AT(retries), "0", .most = RETRIES_MOST,
     .help = "how many more attempts a file gets after exit code 10, 11 or 12"},
    {"allow_unencrypted_network", SETTING_BOOL, AT(allow_unencrypted_network), "false",
     .help = "let plain: reach other machines"},
    {"limits.connect", SETTING_DURATION, AT(connect_ms), "10s", 1, DAY,
     .help = "how long it may take to connect to the server"},
    {"limits.idle", SETTING_DURATION, AT(limits.silence_ms), "30s", 1, DAY,
     .help = "how long the server may be silent while fsc waits for it"},
    {"limits.stall", SETTING_DURATION, AT(limits.stall_ms), "60s", 1, DAY,
     .help = "how long 1 KiB from the server may take to arrive"},
    {"limits.take", SETTING_DURATION, AT(limits.write_ms), "60s", 1, DAY,
     .help = "how long the server may accept nothing of what it is sent"},
    {"limits.wait", SETTING_DURATION, AT(limits.wait_ms), "6h", 1, 365 * DAY,
     .help = "how long the server may send only signs of life"},
    {"limits.heartbeat", SETTING_DURATION, AT(heartbeat_ms), "10s", 1, DAY,
     .help = "how often to send a sign of life while the producer is silent"},
    {"limits.pause", SETTING_DURATION, AT(pause_ms), "1s", 1, DAY,
     .help = "how long to pause before the second attempt"},
    {"limits.max_time", SETTING_DURATION, AT(max_time_ms), NULL, 1, 365 * DAY,
     .help = "how long one run of fsc may wait for the server in all"},
    {.name = NULL},
};

/* Sets a setting to what an option or the environment says. */
static int set(struct settings *settings, const char *name, const char *text, const char *origin,
               struct fault *fault)
{
    const struct setting *row = configuration_find(settings_table, name);

    *fault = (struct fault){.file = NULL};
    (void)snprintf(fault->name, sizeof fault->name, "%s", origin);
    return configuration_set(&settings->configuration, row, text, origin, fault);
}

static int read_file(struct settings *settings, const char *path, const char *advice,
                     struct fault *fault)
{
    char *text = configuration_load(path, advice, fault);
    int code = text != NULL ? configuration_parse(&settings->configuration, text, path, fault)
                            : -REASON_USAGE;

    free(text);
    return code;
}

/* Sets a limit to the TIME of an option, if it is given. */
static int set_limit(struct settings *settings, const struct options *options, enum option option,
                     const char *name, struct failure *failure)
{
    int64_t limit_ms = 0;
    char text[FAULT_LINE_ROOM];
    char origin[32];
    struct fault fault;

    if (!options_have(options, option))
        return 0;
    int code = options_time(options, option, &limit_ms, failure);
    if (code < 0)
        return code;
    (void)quantity_print_duration(limit_ms, text);
    (void)snprintf(origin, sizeof origin, "--%s", option_rows[option].name);
    return set(settings, name, text, origin, &fault) < 0
               ? fail(failure, REASON_USAGE, NULL, "%s", fault_print(&fault, text))
               : 0;
}

/* The user's identity may be anywhere; in files, paths are absolute. */
static int set_identity(struct settings *settings, const char *text, const char *origin,
                        struct fault *fault)
{
    char folder[PATH_MAX];
    char path[2 * PATH_MAX];

    if (text[0] != '/' && text[0] != '\0' && getcwd(folder, sizeof folder) != NULL) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, text);
        text = path;
    }
    return set(settings, "identity", text, origin, fault);
}

/* Each name means one server: the user's, if both files have one. */
static int settle_names(struct settings *settings, struct fault *fault)
{
    struct setting_groups *servers = &settings->servers;

    *fault = (struct fault){.name = "servers"};
    for (size_t i = 0; i < servers->count; i++) {
        struct configuration *row = &servers->groups[i];
        const char *name = ((const struct server *)row->values)->name;
        const struct configuration *last = settings_find_server(settings, name);
        const char *here = settings_origin(row, "name");
        const char *there = settings_origin(last, "name");
        if (last == row)
            continue;
        /* "FILE:LINE" */
        if (strncmp(here, there, (size_t)(strrchr(here, ':') + 1 - here)) == 0)
            return fault_refuse(fault, "there are two servers with the name %s (%s and %s)", name,
                                here, there);
        configuration_release_group(row);
        memmove(row, row + 1, (servers->count - i - 1) * sizeof *row);
        servers->count--;
        i--;
    }
    return 0;
}

/* Takes what goes with the server that was named, if it was. */
static int take_row(struct settings *settings, struct fault *fault)
{
    static const char *const taken[] = {"identity", "retry", NULL};
    const struct configuration *row = settings_find_server(settings, settings->server_text);
    int code = 0;

    settings->row = row;
    for (size_t i = 0; row != NULL && code == 0 && taken[i] != NULL; i++) {
        const char *origin = settings_origin(row, taken[i]);
        char *text = configuration_show_one(row, configuration_find(server_settings, taken[i]));
        if (text == NULL)
            abort();
        if (origin != NULL)
            code = configuration_set(&settings->configuration,
                                     configuration_find(settings_table, taken[i]), text, origin,
                                     fault);
        free(text);
    }
    return code;
}

int settings_read(struct settings *settings, const struct options *options, struct failure *failure)
{
    const char *config = options->values[OPTION_CONFIG];
    const char *server = options->values[OPTION_SERVER];
    const char *environment = getenv("FSC_SERVER");
    const char *retry = options->values[OPTION_RETRY];
    const char *identity = options->values[OPTION_IDENTITY];
    const char *identity_environment = getenv("FSC_IDENTITY");
    char user_file[PATH_MAX];
    char text[FAULT_LINE_ROOM];
    struct fault fault;
    int code = 0;

    *settings = (struct settings){.server_text = NULL};
    configuration_init(&settings->configuration, settings_table, settings);
    if (config != NULL) {
        code = read_file(settings, config, NULL, &fault);
    } else {
        code = read_file(settings, FSC_CONFIG, "use chown root, or --config FILE", &fault);
        if (code == 0 && user_folder_find(user_file, "XDG_CONFIG_HOME", ".config", "fsc/fsc.conf"))
            code = read_file(settings, user_file,
                             "use --config FILE, or set HOME to your own folder", &fault);
    }
    if (code == 0 && server != NULL)
        code = set(settings, "server", server, "--server", &fault);
    else if (code == 0 && environment != NULL && environment[0] != '\0')
        code = set(settings, "server", environment, "FSC_SERVER", &fault);
    if (code == 0)
        code = settle_names(settings, &fault);
    if (code == 0)
        code = take_row(settings, &fault);
    if (code == 0 && retry != NULL)
        code = set(settings, "retry", retry, "--retry", &fault);
    if (code == 0 && identity != NULL)
        code = set_identity(settings, identity, "--identity", &fault);
    else if (code == 0 && identity_environment != NULL && identity_environment[0] != '\0')
        code = set_identity(settings, identity_environment, "FSC_IDENTITY", &fault);
    if (code < 0)
        return fail(failure, REASON_USAGE, NULL, "%s", fault_print(&fault, text));
    code = set_limit(settings, options, OPTION_MAX_TIME, "limits.max_time", failure);
    settings->retry_ms = INT64_MAX;
    if (code == 0)
        code = options_time(options, OPTION_RETRY_MAX_TIME, &settings->retry_ms, failure);
    if (code == 0 && options_have(options, OPTION_RETRY_MAX_TIME) && settings->retries == 0)
        code = fail(failure, REASON_USAGE, options->command, "--retry-max-time needs --retry N");
    if (code == 0)
        code = set_limit(settings, options, OPTION_CONNECT_TIMEOUT, "limits.connect", failure);
    if (code < 0)
        return code;
    settings->limits.line_ms = settings->limits.stall_ms;
    const struct server *named = settings->row != NULL ? settings->row->values : NULL;
    (void)address_parse(named != NULL ? named->address : settings->server_text, &settings->server);
    return 0;
}

void settings_release(struct settings *settings)
{
    configuration_release(&settings->configuration);
}

const struct configuration *settings_find_server(const struct settings *settings, const char *name)
{
    const struct setting_groups *servers = &settings->servers;

    for (size_t i = servers->count; i > 0; i--) {
        const struct server *server = servers->groups[i - 1].values;
        if (strcmp(server->name, name) == 0)
            return &servers->groups[i - 1];
    }
    return NULL;
}

const char *settings_origin(const struct configuration *row, const char *name)
{
    return configuration_origin(row, configuration_find(server_settings, name));
}
