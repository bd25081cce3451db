#include "cli/settings.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/user_folder.h"
#include "protocol/value.h"

static const char *judge_address(const char *text)
{
    struct address address;
    const char *wrong = address_parse(text, &address);

    return wrong == NULL && address.kind == ADDRESS_TLS ? ADDRESS_NO_TLS : wrong;
}

#define AT(member) offsetof(struct settings, member)
#define DAY        (INT64_C(24) * 3600 * 1000)
#define LIMIT(key, member, text, longest, sentence)                                        \
    {                                                                                      \
        .name = "limits." key, .kind = SETTING_DURATION, .offset = AT(member), .least = 1, \
        .most = (longest), .default_text = (text), .help = (sentence)                      \
    }

const struct setting settings_table[] = {
    {.name = "server",
     .kind = SETTING_TEXT,
     .offset = AT(server_text),
     .default_text = ADDRESS_DEFAULT,
     .judge = judge_address,
     .help = "where the library is served"},
    {.name = "retry",
     .kind = SETTING_COUNT,
     .offset = AT(retries),
     .most = 1000000,
     .default_text = "0",
     .help = "how many more attempts a file gets after exit code 10, 11 or 12"},
    LIMIT("connect", connect_ms, "10s", DAY, "how long it may take to connect to the server"),
    LIMIT("idle", limits.silence_ms, "30s", DAY,
          "how long the server may be silent when it is its turn"),
    LIMIT("stall", limits.stall_ms, "60s", DAY,
          "how long 1 KiB from the server may take to arrive"),
    LIMIT("take", limits.write_ms, "60s", DAY,
          "how long the server may accept nothing of what it is sent"),
    LIMIT("wait", limits.wait_ms, "6h", 365 * DAY,
          "how long the server may send only signs of life"),
    LIMIT("heartbeat", heartbeat_ms, "10s", DAY,
          "how often to send a sign of life while the producer is silent"),
    LIMIT("pause", pause_ms, "1s", DAY, "how long to pause before the second attempt"),
    LIMIT("max_time", max_time_ms, NULL, 365 * DAY,
          "how long one run of fsc may wait for the server in all"),
    {.name = NULL},
};

/* Sets a setting to what an option or the environment says. */
static int set(struct settings *settings, const char *name, const char *text, const char *origin)
{
    char fault[CONFIGURATION_FAULT_ROOM];
    const struct setting *row = configuration_find(settings_table, name);

    if (configuration_set(&settings->configuration, row, text, origin, fault) == 0)
        return 0;
    return complain(REASON_USAGE, origin, "%s%s",
                    row->kind == SETTING_TEXT ? "no server address: " : "", fault);
}

static int take_file(struct settings *settings, const char *path, bool optional)
{
    char fault[CONFIGURATION_FAULT_ROOM];

    return configuration_take_file(&settings->configuration, path, optional, fault) == 0
               ? 0
               : complain(REASON_USAGE, NULL, "%s", fault);
}

static int take_user_file(struct settings *settings)
{
    char path[PATH_MAX];

    return user_folder_find(path, "XDG_CONFIG_HOME", ".config", "fsc/fsc.conf")
               ? take_file(settings, path, true)
               : 0;
}

/* What is said later wins. */
static int take_files(struct settings *settings, const char *config)
{
    if (config != NULL)
        return take_file(settings, config, false);
    int code = take_file(settings, FSC_CONFIG, true);
    return code == 0 ? take_user_file(settings) : code;
}

static int take_max_time(struct settings *settings, const struct options *options)
{
    char text[VALUE_UNIT_ROOM];
    int64_t max_time_ms = 0;
    int code = options_time(options, OPTION_MAX_TIME, &max_time_ms);

    return code < 0 ? code
                    : set(settings, "limits.max_time", value_print_duration(max_time_ms, text),
                          "--max-time");
}

int settings_read(struct settings *settings, const struct options *options)
{
    const char *server = options->values[OPTION_SERVER];
    const char *environment = getenv("FSC_SERVER");
    const char *retry = options->values[OPTION_RETRY];

    *settings = (struct settings){.server_text = NULL};
    configuration_init(&settings->configuration, settings_table, settings);
    int code = take_files(settings, options->values[OPTION_CONFIG]);
    if (code == 0 && server != NULL)
        code = set(settings, "server", server, "--server");
    else if (code == 0 && environment != NULL && environment[0] != '\0')
        code = set(settings, "server", environment, "FSC_SERVER");
    if (code == 0 && options_have(options, OPTION_MAX_TIME))
        code = take_max_time(settings, options);
    if (code == 0 && retry != NULL)
        code = set(settings, "retry", retry, "--retry");
    if (code < 0)
        return code;
    settings->limits.line_ms = settings->limits.stall_ms;
    (void)address_parse(settings->server_text, &settings->server);
    return 0;
}

void settings_release(struct settings *settings)
{
    configuration_release(&settings->configuration);
}
