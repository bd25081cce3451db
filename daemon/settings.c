#include "daemon/settings.h"

#include <stddef.h>
#include <string.h>

#include "daemon/log.h"
#include "protocol/address.h"
#include "protocol/name.h"

/* In the order of enum right. */
static const char *const right_words[] = {"list",   "get",   "put",    "replace",
                                          "delete", "watch", "status", NULL};

static const char *const concurrency_words[] = {
    [CONCURRENCY_PROCESS] = "process", [CONCURRENCY_THREAD] = "thread", NULL};

static const char *const log_target_words[] = {[LOG_TARGET_AUTO] = "auto",
                                               [LOG_TARGET_SYSLOG] = "syslog",
                                               [LOG_TARGET_STDERR] = "stderr",
                                               NULL};

static const char *check_address(const char *text)
{
    struct address address;
    const char *wrong = address_parse(text, &address);

    if (wrong != NULL)
        return wrong;
    if (address.kind == ADDRESS_EXEC)
        return "a daemon cannot listen on a command";
    return address.kind == ADDRESS_TLS ? ADDRESS_NO_TLS : NULL;
}

/* Refusals name groups to clients, so the names must fit into a line of the protocol. */
static const char *check_account(const char *text)
{
    return name_component_is_valid(text, strlen(text)) ? NULL
                                                       : "not a valid name of a user or group";
}

static const char *check_folder(const char *text)
{
    return name_fault(text, name_length_without_slash(text, strlen(text)));
}

static const char *check_grant(const void *values)
{
    const struct grant *grant = values;

    if ((grant->user == NULL) == (grant->group == NULL))
        return "set either user or group";
    return grant->folder != NULL && (grant->rights & RIGHT_STATUS) != 0
               ? "the right status is for the whole daemon, not for a folder"
               : NULL;
}

static const struct setting grant_table[] = {
    {.name = "user",
     .kind = SETTING_TEXT,
     .offset = offsetof(struct grant, user),
     .check = check_account,
     .help = "the user who has these rights"},
    {.name = "group",
     .kind = SETTING_TEXT,
     .offset = offsetof(struct grant, group),
     .check = check_account,
     .help = "the group whose members have these rights"},
    {.name = "rights",
     .kind = SETTING_WORDS,
     .offset = offsetof(struct grant, rights),
     .words = right_words,
     .is_required = true,
     .help = "the rights, as in 'list get put'"},
    {.name = "folder",
     .kind = SETTING_TEXT,
     .offset = offsetof(struct grant, folder),
     .check = check_folder,
     .help = "the folder below which they apply; without it, everywhere"},
    {.name = NULL},
};

#define AT(member) offsetof(struct settings, member)
#define SECOND     INT64_C(1000)
#define HOUR       (3600 * SECOND)
#define DAY        (24 * HOUR)
#define MIB        (INT64_C(1024) * 1024)

#define LIMIT(key, what, member, text, low, high, sentence)                          \
    {                                                                                \
        .name = "limits." key, .kind = (what), .offset = AT(member), .least = (low), \
        .most = (high), .default_text = (text), .help = (sentence)                   \
    }

const struct setting settings_table[] = {
    {.name = "library",
     .kind = SETTING_PATH,
     .offset = AT(library),
     .is_required = true,
     .is_fixed = true,
     .option = "library",
     .value = "DIR",
     .help = "the folder to serve"},
    {.name = "listen",
     .kind = SETTING_LIST,
     .offset = AT(listen),
     .default_text = ADDRESS_DEFAULT,
     .check = check_address,
     .is_fixed = true,
     .option = "listen",
     .value = "ADDRESS",
     .help = "where to listen; the option may be repeated"},
    {.name = "socket_mode",
     .kind = SETTING_MODE,
     .offset = AT(socket_mode),
     .default_text = "0666",
     .is_fixed = true,
     .help = "the mode of Unix sockets: who may connect at all"},
    {.name = "anonymous",
     .kind = SETTING_WORDS,
     .offset = AT(anonymous),
     .default_text = "",
     .words = right_words,
     .option = "anonymous",
     .value = "RIGHTS",
     .help = "what everybody may do, as in 'list get put'"},
    {.name = "stdio_rights",
     .kind = SETTING_WORDS,
     .offset = AT(stdio_rights),
     .default_text = "list get put replace delete watch status",
     .words = right_words,
     .option = "stdio-rights",
     .value = "RIGHTS",
     .help = "what the client of --stdio may do"},
    {.name = "users",
     .kind = SETTING_GROUPS,
     .offset = AT(users),
     .members = grant_table,
     .size = sizeof(struct grant),
     .check_group = check_grant,
     .help = "more rights for local users and groups, over Unix sockets"},
    {.name = "records",
     .kind = SETTING_BOOL,
     .offset = AT(records),
     .default_text = "true",
     .is_fixed = true,
     .help = "keep the digest of each stored file in its xattr user.fsd"},
    {.name = "concurrency",
     .kind = SETTING_WORD,
     .offset = AT(concurrency),
     .default_text = "process",
     .words = concurrency_words,
     .option = "concurrency",
     .value = "MODEL",
     .help = "serve each connection in a process or a thread of its own"},
    {.name = "spare",
     .kind = SETTING_COUNT,
     .offset = AT(spare),
     .default_text = "2",
     .most = 1000,
     .help = "how many processes to fork ahead of connections"},
    {.name = "pid_file",
     .kind = SETTING_PATH,
     .offset = AT(pid_file),
     .is_fixed = true,
     .option = "pid-file",
     .value = "FILE",
     .help = "a file for the daemon's process id"},
    {.name = "log.to",
     .kind = SETTING_WORD,
     .offset = AT(log_to),
     .default_text = "auto",
     .words = log_target_words,
     .is_fixed = true,
     .help = "where the log goes; auto is stderr in the foreground, else syslog"},
    {.name = "log.level",
     .kind = SETTING_WORD,
     .offset = AT(log_level),
     .default_text = "info",
     .words = log_level_words,
     .help = "how much to log: this level and those before it"},
    LIMIT("sessions", SETTING_COUNT, sessions, "1024", 1, 1000000,
          "how many sessions may be open at a time"),
    LIMIT("per_address", SETTING_COUNT, per_address, "256", 1, 1000000,
          "how many of them may come from one IPv4 address or IPv6 network (/64)"),
    LIMIT("per_user", SETTING_COUNT, per_user, "256", 1, 1000000,
          "how many of them one local user may have, over Unix sockets"),
    LIMIT("memory", SETTING_SIZE, memory, "64M", MIB, MIB *MIB,
          "how much memory a session may use"),
    LIMIT("idle", SETTING_DURATION, idle_ms, "5m", 1, 365 * DAY,
          "how long a session may be idle between requests before it is closed"),
    LIMIT("request", SETTING_DURATION, request_ms, "30s", 1, DAY,
          "how long a line may take to arrive"),
    LIMIT("stall", SETTING_DURATION, stall_ms, "1m", 1, DAY,
          "how long 1 KiB of a body may take to arrive"),
    LIMIT("wait", SETTING_DURATION, wait_ms, "6h", 1, 365 * DAY,
          "how long a client may send only signs of life, or accept nothing"),
    LIMIT("linger", SETTING_DURATION, linger_ms, "30s", 1, HOUR,
          "how long to read and drop what a refused client still sends"),
    LIMIT("drain", SETTING_DURATION, drain_ms, "30s", 1, DAY,
          "how long sessions have to finish when the daemon stops"),
    LIMIT("heartbeat", SETTING_DURATION, heartbeat_ms, "10s", 1, HOUR,
          "how often to send a waiting client a sign of life"),
    LIMIT("upload_age", SETTING_DURATION, upload_age_ms, "1d", SECOND, 365 * DAY,
          "how long to keep what is left of an interrupted upload"),
    LIMIT("stages", SETTING_COUNT, stages, "256", 1, 1000000,
          "how many resumable uploads one client may have begun"),
    LIMIT("stage_bytes", SETTING_SIZE, stage_bytes, "100G", MIB, 1000 * MIB * MIB,
          "how many bytes these may have in all"),
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
}
