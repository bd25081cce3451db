#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/candidates.h"
#include "cli/commands/commands.h"
#include "cli/entries.h"
#include "cli/known_servers.h"
#include "cli/listing_cache.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "protocol/name.h"

enum {
    DEADLINE_MS = 900, /* for the server: with the work of bash, TAB takes less than a second */
};

/* A line to be completed. */
struct completion {
    struct invocation *invocation;
    struct shell_line line;
    struct options options;        /* in the words before the last */
    const struct command *command; /* NULL if it is not there yet */
    const char *typed;             /* the last word, or what follows its --option= */
    struct candidates candidates;
};

/* Offers a text in the place of what was typed. */
static void offer(struct completion *completion, const char *text)
{
    const char *word = completion->candidates.word;
    char whole[2 * NAME_LONGEST];
    int length =
        snprintf(whole, sizeof whole, "%.*s%s", (int)(completion->typed - word), word, text);

    if (length >= 0 && (size_t)length < sizeof whole)
        candidates_add(&completion->candidates, whole);
}

static void offer_commands(struct completion *completion)
{
    for (const struct command *command = commands; command->word != NULL; command++) {
        if (!command->is_hidden)
            offer(completion, command->word);
    }
}

static bool is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80)
        text++;
    return *text == '\0';
}

/* Reads the names in a folder from the cache or, if they are not there, from the server. */
static int read_names(struct completion *completion, const char *folder, struct entries *entries)
{
    struct connection *connection = &completion->invocation->connection;
    struct failure *failure = completion->invocation->failure;
    const char *server = connection->settings->server.text;
    const struct listing_request request = {.name = folder[0] != '\0' ? folder : NULL,
                                            .command = "complete"};
    struct listing_cache names;
    struct listing_cache silence;
    int code = 0;

    listing_cache_find(&names, server, folder);
    listing_cache_find(&silence, server, NULL);
    if (entries_begin(entries, ENTRIES_NAMES) < 0) {
        code = fail_errno(failure, REASON_INTERNAL, "complete", "no memory");
    } else if (listing_cache_load(&names, entries)) {
        (void)entries_sort(entries);
    } else if (listing_cache_load(&silence, NULL)) {
        code = fail(failure, REASON_UNAVAILABLE, server,
                    "did not answer a moment ago, so it is not asked again yet");
    } else {
        /* Noted first, because this process may be killed while it waits for the server. */
        listing_cache_store(&silence, NULL);
        entries_free(entries);
        code = entries_read(entries, ENTRIES_NAMES, connection, &request);
        if (code != -REASON_LOST && code != -REASON_TIMEOUT)
            listing_cache_forget(&silence);
        if (code == 0 || code == -REASON_EMPTY)
            listing_cache_store(&names, entries);
        if (code == -REASON_EMPTY || code == -REASON_INCOMPLETE)
            code = 0;
    }
    listing_cache_close(&names);
    listing_cache_close(&silence);
    return code;
}

/* Offers the names in the folder of the library that the word begins with. */
static int offer_names(struct completion *completion, bool only_folders)
{
    struct settings *settings = &completion->invocation->settings;
    const char *slash = strrchr(completion->typed, '/');
    size_t length = slash != NULL ? (size_t)(slash + 1 - completion->typed) : 0;
    struct entries entries = {.region = NULL};
    char folder[NAME_LONGEST + 2] = "";

    /* A variable may be part of the server's address, or even an option. */
    if (!completion->line.rest_is_known ||
        (length > 0 && name_fault(completion->typed, length - 1) != NULL))
        return 0;
    memcpy(folder, completion->typed, length);
    int code = settings_read(settings, &completion->options, completion->invocation->failure);
    if (code < 0)
        return code;
    settings->max_time_ms = DEADLINE_MS;
    settings->retries = 0;
    code = read_names(completion, folder, &entries);
    /* In other encodings the bytes of UTF-8 may be characters that mean something to bash. */
    (void)setlocale(LC_CTYPE, "");
    bool is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    for (size_t i = 0; code == 0 && i < entries.count; i++) {
        struct entry entry;
        entries_get(&entries, i, &entry);
        bool is_folder = entry.name[strlen(entry.name) - 1] == '/';
        if ((is_folder || !only_folders) && (is_utf8 || is_ascii(entry.name)))
            offer(completion, entry.name);
    }
    entries_free(&entries);
    return code;
}

/* Offers the servers that have a name or a pin. */
static void offer_servers(struct completion *completion)
{
    struct settings *settings = &completion->invocation->settings;
    struct failure *failure = completion->invocation->failure;
    struct known_servers known = {.count = 0};

    /* A variable may be one of the options. */
    if (!completion->line.rest_is_known)
        return;
    if (settings_read(settings, &completion->options, failure) == 0) {
        for (size_t i = 0; i < settings->servers.count; i++) {
            const struct server *server = settings->servers.groups[i].values;
            offer(completion, server->name);
        }
    }
    (void)known_servers_read(&known, failure);
    for (size_t i = 0; i < known.count; i++)
        offer(completion, known.pins[i].server);
    known_servers_release(&known);
}

static int offer_values(struct completion *completion, enum value value)
{
    static const char *const words[VALUE_TOPIC + 1][6] = {
        [VALUE_ADDRESS] = {ADDRESS_DEFAULT, "exec:", "plain:", "ssh://"},
        [VALUE_TIME] = {"10s", "30s", "1m", "5m", "1h"},
        [VALUE_AGE] = {"7d", "30d", "90d"},
        [VALUE_SIZE] = {"1K", "1M", "10M", "1G"},
        [VALUE_COUNT] = {"1", "3", "10"},
        [VALUE_LINKS] = {"follow", "skip"},
        [VALUE_SPECIALS] = {"skip"},
        [VALUE_COLOR] = {"auto", "always", "never"},
    };
    int code = 0;

    /* readline completes local files itself, and quotes them well. */
    if (value == VALUE_FILE || value == VALUE_DIR ||
        (value == VALUE_ADDRESS && completion->typed[0] == '/'))
        return output_print("default\n");
    if (!completion->line.last_is_known)
        return 0;
    switch (value) {
    case VALUE_NAME:
    case VALUE_FOLDER:
    case VALUE_NEW_NAME:
        code = offer_names(completion, value != VALUE_NAME);
        break;
    case VALUE_TOPIC:
        offer_commands(completion);
        for (const struct help_topic *topic = help_topics; topic->word != NULL; topic++)
            offer(completion, topic->word);
        break;
    case VALUE_HOST:
    case VALUE_ADDRESS:
        offer_servers(completion);
        completion->candidates.is_unfinished = completion->candidates.count == 0;
        for (const char *const *word = words[value]; *word != NULL; word++)
            offer(completion, *word);
        break;
    default:
        for (const char *const *word = words[value]; *word != NULL; word++)
            offer(completion, *word);
        break;
    }
    if (code == 0)
        candidates_print(&completion->candidates);
    return code;
}

/* Offers what may take the place of the last word. `parsed` is what parsing the others returned. */
static int offer_all(struct completion *completion, int parsed)
{
    const struct options *options = &completion->options;
    const struct command *command = completion->command;
    uint64_t accepted = OPTIONS_GLOBAL | (command != NULL ? command->options : 0);
    const char *typed = completion->typed;
    const char *equals = strchr(typed, '=');

    if (completion->line.is_target)
        return offer_values(completion, VALUE_FILE);
    if (options->awaiting != OPTION_COUNT)
        return offer_values(completion, (enum value)option_rows[options->awaiting].kind);
    if (parsed < 0)
        return parsed;
    bool is_option = typed[0] == '-' && !options->only_operands;
    if (is_option && typed[1] == '-' && equals != NULL) {
        enum option option = options_find(typed + 2, (size_t)(equals - typed) - 2);
        if (option < OPTION_COUNT && (accepted & OPTION_BIT(option)) != 0 &&
            option_rows[option].kind != VALUE_NONE) {
            completion->typed = equals + 1;
            return offer_values(completion, (enum value)option_rows[option].kind);
        }
    }
    if (options->only_operands &&
        (options_have(options, OPTION_FROM_COMMAND) || options_have(options, OPTION_TO_COMMAND)))
        return options->operand_count == options->dashes && strchr(typed, '/') == NULL
                   ? output_print("command\n")
                   : offer_values(completion, VALUE_FILE);
    if (!is_option && options->command != NULL) {
        if (command == NULL || options->operand_count >= command->most ||
            (command->operand == VALUE_HOST && options->operand_count > 0))
            return 0;
        completion->candidates.is_operand = !options->only_operands;
        return offer_values(completion, command->operand);
    }
    if (!completion->line.last_is_known)
        return 0;
    if (!is_option)
        offer_commands(completion);
    for (enum option option = 0; is_option && option < OPTION_COUNT; option++) {
        char text[64];
        if ((accepted & OPTION_BIT(option)) == 0 ||
            (options_have(options, option) && !option_rows[option].is_repeatable))
            continue;
        (void)snprintf(text, sizeof text, "--%s", option_rows[option].name);
        offer(completion, text);
        (void)snprintf(text, sizeof text, "-%c", option_rows[option].letter);
        if (option_has_letter(option_rows, accepted, option))
            offer(completion, text);
    }
    candidates_print(&completion->candidates);
    return 0;
}

/* Completes a line, unless only bash knows what it means: then there are no candidates. */
int complete_run(struct invocation *invocation)
{
    struct completion completion = {.invocation = invocation};
    struct shell_line *line = &completion.line;
    struct options *options = &completion.options;
    char **operands = invocation->options->operands;
    int code = 0;

    /* Without a terminal, an exec: command cannot ask for a password. */
    (void)setsid();
    invocation->connection.shares_group = true;
    (void)setenv("SSH_ASKPASS_REQUIRE", "never", 1);
    if (shell_split(line, operands[0], strlen(operands[0])) == 0 && line->count > 1 &&
        candidates_begin(&completion.candidates, line, operands[0], operands[1]) == 0) {
        completion.typed = completion.candidates.word;
        completion.candidates.only_plain = strcmp(operands[2], "plain") == 0;
        line->words[line->count - 1] = NULL;
        code = options_parse(options, (int)line->count - 1, line->words, command_options,
                             invocation->failure);
        if (options->command != NULL)
            completion.command = command_find(options->command);
        code = offer_all(&completion, code);
        options_free(options);
    }
    int printed = output_flush(invocation->failure);
    code = code < 0 ? code : printed;
    /* Do not wait for the exec: command, so that TAB is quick: completions/fsc kills our group. */
    if (code == 0)
        _exit(EXIT_SUCCESS);
    connection_close(&invocation->connection);
    shell_release(line);
    return code;
}
