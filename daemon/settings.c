#include "daemon/settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "protocol/address.h"
#include "protocol/name.h"
#include "protocol/reason.h"

const char *const right_words[] = {"list",   "get",   "put",    "replace",
                                   "delete", "watch", "status", NULL};

const char *const log_level_words[] = {
    [LOG_LEVEL_CRITICAL] = "critical", [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",         [LOG_LEVEL_DEBUG] = "debug", NULL};

static const char *const concurrency_words[] = {
    [CONCURRENCY_PROCESS] = "process", [CONCURRENCY_THREAD] = "thread", NULL};

static const char *const log_target_words[] = {"auto", "syslog", "stderr", NULL};

static const char *check_address(const char *text)
{
    struct address address;
    const char *wrong = address_parse(text, &address);

    if (wrong != NULL)
        return wrong;
    return address.kind == ADDRESS_EXEC || address.kind == ADDRESS_SSH
               ? "a daemon cannot listen on a command"
               : NULL;
}

static const char *check_network(const char *text)
{
    struct address_network network;

    return address_parse_network(text, &network);
}

static const char *check_account(const char *text)
{
    return name_component_is_valid(text, strlen(text)) ? NULL
                                                       : "not a valid name of a user or group";
}

static const char *check_folder(const char *text)
{
    char folder[GRANT_FOLDER_ROOM];

    return grant_expand(text, "c", folder);
}

static const char *check_client_name(const char *text)
{
    size_t length = strlen(text);

    return length < CLIENT_NAME_ROOM && text[0] != '.' && strchr(text, ':') == NULL &&
                   record_is_client(text, length)
               ? NULL
               : "not a valid name of a client (up to 120 letters, digits, \"-\", \"_\" and \".\", but "
                 "no \".\" first)";
}

static const char *check_key(const char *text)
{
    struct fingerprint key;

    return fingerprint_parse(text, &key) ? NULL
                                         : "not the fingerprint of a key, as fsc identity shows it";
}

static const char *check_grant(const void *values)
{
    const struct grant *grant = values;
    char folder[GRANT_FOLDER_ROOM];

    if (grant->client == NULL && (grant->user == NULL) == (grant->group == NULL))
        return "set either user or group";
    if (grant->folder != NULL && (grant->rights & RIGHT_STATUS) != 0)
        return "the right status is for the whole daemon, not for a folder";
    return grant->folder != NULL && grant->client != NULL &&
                   grant_expand(grant->folder, grant->client, folder) != NULL
               ? "with the client's name in it, the folder is not a valid name"
               : NULL;
}

static const struct setting grant_table[] = {
    {"user", SETTING_TEXT, offsetof(struct grant, user), .check = check_account,
     .help = "the user who has these rights"},
    {"group", SETTING_TEXT, offsetof(struct grant, group), .check = check_account,
     .help = "the group whose members have these rights"},
    {"rights", SETTING_WORDS, offsetof(struct grant, rights), .words = right_words,
     .is_required = true, .help = "the rights, as in 'list get put'"},
    {"folder", SETTING_TEXT, offsetof(struct grant, folder), .check = check_folder,
     .help = "the folder below which they apply; without it, everywhere"},
    {.name = NULL},
};

static const struct setting client_table[] = {
    {"name", SETTING_TEXT, offsetof(struct grant, client), .check = check_client_name,
     .is_required = true, .help = "the name of the client"},
    {"key", SETTING_LIST, offsetof(struct grant, keys), .check = check_key,
     .help = "the fingerprint of its key, or of each of its keys"},
    {"rights", SETTING_WORDS, offsetof(struct grant, rights), .words = right_words,
     .is_required = true, .help = "the rights, as in 'list get put'"},
    {"folder", SETTING_TEXT, offsetof(struct grant, folder), .check = check_folder,
     .help = "the folder below which they apply; without it, everywhere"},
    {.name = NULL},
};

#define AT(member) offsetof(struct settings, member)
#define SECOND     INT64_C(1000)
#define HOUR       (3600 * SECOND)
#define DAY        (24 * HOUR)
#define MIB        (INT64_C(1024) * 1024)
#define TIB        (MIB * MIB)

/* Name, kind, member and default; of numbers also the least and the most. */
const struct setting settings_table[] = {
    {"include", SETTING_PATH, AT(include), .is_followed = true,
     .help = "a folder, whose *.conf files are read, too"},
    {"library", SETTING_PATH, AT(library), .is_required = true, .is_fixed = true,
     .option = "library", .value = "DIR", .help = "the folder to serve"},
    {"listen", SETTING_LIST, AT(listen), ADDRESS_DEFAULT, .check = check_address, .is_fixed = true,
     .option = "listen", .value = "ADDRESS", .help = "where to listen; the option may be repeated"},
    {"identity", SETTING_PATH, AT(identity), SETTINGS_IDENTITY, .is_fixed = true,
     .option = "identity", .value = "FILE",
     .help = "the key by which clients know this daemon over TLS"},
    {"allow_unencrypted_network", SETTING_BOOL, AT(allow_unencrypted_network), "false",
     .is_fixed = true, .help = "let plain: addresses be reached from other machines"},
    {"socket_mode", SETTING_MODE, AT(socket_mode), "0666", .is_fixed = true,
     .help = "the mode of Unix sockets: who may connect at all"},
    {"anonymous", SETTING_WORDS, AT(anonymous), "", .words = right_words, .option = "anonymous",
     .value = "RIGHTS", .help = "what everybody may do, as in 'list get put'"},
    {"stdio_rights", SETTING_WORDS, AT(stdio.rights), "list get put replace delete watch status",
     .words = right_words, .option = "stdio-rights", .value = "RIGHTS",
     .help = "what the client of --stdio may do"},
    {"stdio_folder", SETTING_TEXT, AT(stdio.folder), .check = check_folder,
     .option = "stdio-folder", .value = "FOLDER",
     .help = "the folder below which it may do that; without it, everywhere"},
    {"stdio_client", SETTING_TEXT, AT(stdio.client), .check = check_client_name,
     .option = "stdio-client", .value = "NAME",
     .help = "the name of the client of --stdio; without it, that of the user"},
    {"users", SETTING_GROUPS, AT(users), .members = grant_table, .size = sizeof(struct grant),
     .check_group = check_grant,
     .help = "more rights for local users and groups, over Unix sockets"},
    {"clients", SETTING_GROUPS, AT(clients), .most = SETTINGS_CLIENTS_MOST, .members = client_table,
     .size = sizeof(struct grant), .check_group = check_grant,
     .help = "more rights for clients on the network, by their keys"},
    {"records", SETTING_BOOL, AT(records), "true", .is_fixed = true,
     .help = "keep the digest of each stored file in its xattr user.fsd"},
    {"concurrency", SETTING_WORD, AT(concurrency), "process", .words = concurrency_words,
     .option = "concurrency", .value = "MODEL",
     .help = "serve each connection in a process or a thread of its own"},
    {"spare", SETTING_COUNT, AT(spare), "2", .most = 1000,
     .help = "how many processes to fork ahead of connections"},
    {"pid_file", SETTING_PATH, AT(pid_file), .is_fixed = true, .option = "pid-file",
     .value = "FILE", .help = "a file for the daemon's process id"},
    {"log.to", SETTING_PATH, AT(log_to), "auto", .words = log_target_words, .is_fixed = true,
     .help = "where the log goes; auto is stderr in the foreground, else syslog"},
    {"log.level", SETTING_WORD, AT(log_level), "info", .words = log_level_words,
     .help = "how much to log: this level and those before it"},
    {"limits.sessions", SETTING_COUNT, AT(sessions), "1024", 1, SETTINGS_SESSIONS_MOST,
     .help = "how many sessions may be open at a time"},
    {"limits.per_address", SETTING_COUNT, AT(per_address), "256", 1, 1000000,
     .help = "how many of them may come from one IPv4 address or IPv6 network (/64)"},
    {"limits.uncounted", SETTING_LIST, AT(uncounted), NULL, .check = check_network,
     .help = "addresses or networks that many clients share, for which per_address does not hold"},
    {"limits.per_user", SETTING_COUNT, AT(per_user), "256", 1, 1000000,
     .help = "how many of them one local user, or one client with a key of its own, may have"},
    {"limits.strangers", SETTING_COUNT, AT(strangers), "128", 1, SETTINGS_SESSIONS_MOST,
     .help = "how many of them all clients without rights of their own may have together"},
    {"limits.handshakes", SETTING_COUNT, AT(handshakes), "128", 1, SETTINGS_HANDSHAKES_MOST,
     .help = "how many handshakes of TLS may be under way, before they count as sessions"},
    {"limits.handshake", SETTING_DURATION, AT(handshake_ms), "10s", 1, HOUR,
     .help = "how long a handshake may take"},
    {"limits.memory", SETTING_SIZE, AT(memory), "64M", MIB, TIB,
     .help = "how much memory a session may use"},
    {"limits.idle", SETTING_DURATION, AT(idle_ms), "5m", 1, 365 * DAY,
     .help = "how long a session may be idle between requests before it is closed"},
    {"limits.request", SETTING_DURATION, AT(request_ms), "30s", 1, DAY,
     .help = "how long a line may take to arrive"},
    {"limits.stall", SETTING_DURATION, AT(stall_ms), "1m", 1, DAY,
     .help = "how long 1 KiB of a body may take to arrive"},
    {"limits.wait", SETTING_DURATION, AT(wait_ms), "6h", 1, 365 * DAY,
     .help = "how long a client may send only signs of life, or accept nothing"},
    {"limits.waits", SETTING_COUNT, AT(waits), "64", 1, SETTINGS_SESSIONS_MOST,
     .help = "how many WATCH and GET with wait= one client may have under way"},
    {"limits.linger", SETTING_DURATION, AT(linger_ms), "30s", 1, HOUR,
     .help = "how long to read and drop what a refused client still sends"},
    {"limits.drain", SETTING_DURATION, AT(drain_ms), "30s", 1, DAY,
     .help = "how long sessions have to finish when the daemon stops"},
    {"limits.heartbeat", SETTING_DURATION, AT(heartbeat_ms), "10s", 1, HOUR,
     .help = "how often to send a waiting client a sign of life"},
    {"limits.upload_age", SETTING_DURATION, AT(upload_age_ms), "1d", SECOND, 365 * DAY,
     .help = "how long to keep what is left of an interrupted upload"},
    {"limits.stages", SETTING_COUNT, AT(stages), "512", 1, 1000000,
     .help = "how many unfinished uploads one client may have"},
    {"limits.stage_bytes", SETTING_SIZE, AT(stage_bytes), "100G", MIB, 1000 * TIB,
     .help = "how many bytes these may have in all"},
    {"limits.pattern", SETTING_COUNT, AT(pattern), "256", 16, 4096,
     .help = "how many bytes a pattern may have"},
    {"limits.depth", SETTING_COUNT, AT(depth), "32", 1, 511,
     .help = "how many folders a new name may have"},
    {.name = NULL},
};

void settings_init(struct settings *settings)
{
    *settings = (struct settings){.library = NULL};
    configuration_init(&settings->configuration, settings_table, settings);
}

void settings_release(struct settings *settings)
{
    configuration_release(&settings->configuration);
    free(settings->keys);
    settings->keys = NULL;
    settings->key_count = 0;
}

const char *grant_expand(const char *folder, const char *client, char ret[GRANT_FOLDER_ROOM])
{
    char expanded[GRANT_FOLDER_ROOM];
    size_t used = 0;

    for (; *folder != '\0'; folder++) {
        const char *text = folder;
        size_t length = 1;
        if (*folder == '%') {
            folder++;
            if (*folder != 'c' && *folder != '%')
                return "a \"%\" must be followed by \"c\", for the client's name, or by another \"%\"";
            if (*folder == 'c' && !name_component_is_valid(client, strlen(client)))
                return "the name of the client cannot be that of a folder";
            text = *folder == 'c' ? client : "%";
            length = strlen(text);
        }
        if (length >= sizeof expanded - used)
            return name_fault(expanded, sizeof expanded);
        memcpy(expanded + used, text, length);
        used += length;
    }
    expanded[used] = '\0';
    const char *wrong = name_fault(expanded, name_length_without_slash(expanded, used));
    if (wrong == NULL)
        memcpy(ret, expanded, used + 1);
    return wrong;
}

static int compare_keys(const void *left, const void *right)
{
    const struct client_key *a = left;
    const struct client_key *b = right;

    return memcmp(a->key.bytes, b->key.bytes, sizeof a->key.bytes);
}

/* The same, and equal ones in the order of their rows. */
static int compare_keys_and_rows(const void *left, const void *right)
{
    const struct client_key *a = left;
    const struct client_key *b = right;
    int order = compare_keys(left, right);

    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static int compare_names(const void *left, const void *right)
{
    const struct configuration *const *a = left;
    const struct configuration *const *b = right;
    const struct grant *first = (*a)->values;
    const struct grant *second = (*b)->values;

    return strcmp(first->client, second->client);
}

/* Where a row of `clients` sets a member: "FILE:LINE". */
static const char *origin_of(const struct configuration *row, const char *member)
{
    return configuration_origin(row, configuration_find(client_table, member));
}

int settings_link_clients(struct settings *settings, struct fault *fault)
{
    size_t count = settings->clients.count;
    const struct configuration **rows = calloc(count + 1, sizeof(void *));
    char text[FINGERPRINT_ROOM];
    int code = 0;

    settings->keys = calloc(count * SETTING_LIST_MOST + 1, sizeof *settings->keys);
    if (rows == NULL || settings->keys == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        rows[i] = &settings->clients.groups[i];
    qsort(rows, count, sizeof(void *), compare_names);

    for (size_t i = 0, next = 0; code == 0 && i < count; i = next) {
        const struct grant *first = rows[i]->values;
        size_t before = settings->key_count;
        for (next = i; next < count && compare_names(&rows[i], &rows[next]) == 0; next++) {
            struct grant *grant = rows[next]->values;
            grant->next = next > i ? rows[next - 1]->values : NULL;
            first = grant;
        }
        for (size_t each = i; each < next; each++) {
            const struct grant *grant = rows[each]->values;
            for (size_t k = 0; k < grant->keys.count; k++) {
                struct client_key *key = &settings->keys[settings->key_count++];
                *key = (struct client_key){.row = rows[each], .first = first};
                (void)fingerprint_parse(grant->keys.texts[k], &key->key);
            }
        }
        if (settings->key_count == before)
            code = fault_refuse(fault, "%s: clients: %s has no key", origin_of(rows[i], "name"),
                                first->client);
    }

    qsort(settings->keys, settings->key_count, sizeof *settings->keys, compare_keys_and_rows);
    for (size_t i = 1; code == 0 && i < settings->key_count; i++) {
        const struct client_key *key = &settings->keys[i];
        if (fingerprint_is_equal(&key->key, &key[-1].key))
            code = fault_refuse(fault, "%s: clients: the key %s is in use already, by %s (%s)",
                                origin_of(key->row, "key"), fingerprint_print(&key->key, text),
                                key[-1].first->client, origin_of(key[-1].row, "key"));
    }
    free(rows);
    return code;
}

const struct client_key *settings_find_key(const struct settings *settings,
                                           const struct fingerprint *key)
{
    const struct client_key wanted = {.key = *key};

    return bsearch(&wanted, settings->keys, settings->key_count, sizeof wanted, compare_keys);
}
