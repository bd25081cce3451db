#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/candidates.h"
#include "cli/commands/commands.h"
#include "cli/entries.h"
#include "cli/listing_cache.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "cli/signals.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"

enum {
    DEADLINE_MS = 900, /* for everything: with what bash does, TAB takes less than a second */
};

/* A line that is to be completed. */
struct completion {
    struct invocation *invocation;
    struct shell_line line;
    struct options options;        /* those of the words before the last */
    const struct command *command; /* NULL: it is still to be typed */
    const char *typed;             /* the last word, or what stands behind its --option= */
    struct candidates candidates;
};

/* Offers a text for what was typed. */
static void offer(struct completion *completion, const char *text)
{
    const char *word = completion->candidates.word;
    char whole[2 * NAME_LONGEST];
    int length =
        snprintf(whole, sizeof whole, "%.*s%s", (int)(completion->typed - word), word, text);

    if (length >= 0 && (size_t)length < sizeof whole)
        candidates_add(&completion->candidates, whole);
}

static void offer_words(struct completion *completion, const char *const *words)
{
    for (; *words != NULL; words++)
        offer(completion, *words);
}

static uint64_t accepted_options(const struct completion *completion)
{
    return OPTIONS_GLOBAL | (completion->command != NULL ? completion->command->options : 0);
}

/* Those that may still be given. */
static void offer_options(struct completion *completion)
{
    for (enum option option = 0; option < OPTION_COUNT; option++) {
        const struct option_row *row = &option_rows[option];
        uint64_t accepted = accepted_options(completion);
        char text[64];
        if ((accepted & OPTION_BIT(option)) == 0 || options_have(&completion->options, option))
            continue;
        (void)snprintf(text, sizeof text, "--%s", row->name);
        offer(completion, text);
        (void)snprintf(text, sizeof text, "-%c", row->letter);
        if (option_has_letter(option_rows, accepted, option))
            offer(completion, text);
    }
}

static void offer_commands(struct completion *completion)
{
    for (const struct command *command = commands; command->word != NULL; command++) {
        if (!command->is_hidden)
            offer(completion, command->word);
    }
}

static int keep_entry(void *context, const struct entry *entry)
{
    return entries_add(context, entry) == 0
               ? 0
               : complain(REASON_INTERNAL, entry->name, "too many names to keep in memory");
}

/* The names in a folder: as the cache has them, else as the server does, which it then tells. */
static int find_names(struct completion *completion, const char *folder, struct entries *entries)
{
    struct connection *connection = &completion->invocation->connection;
    const char *server = connection->settings->server_text;
    const struct listing_request request = {.name = folder[0] != '\0' ? folder : NULL};
    struct listing_cache names;
    struct listing_cache failure;

    listing_cache_find(&names, server, folder);
    listing_cache_find(&failure, server, NULL);
    if (listing_cache_load(&names, entries))
        return 0;
    if (listing_cache_has_failed(&failure))
        return complain(REASON_UNAVAILABLE, server, "it has failed a moment ago");
    /* Until it has answered: this process may be ended before. */
    listing_cache_store(&failure, NULL);
    int code = listing_read(connection, &request, keep_entry, entries);
    if (code != -REASON_LOST && code != -REASON_TIMEOUT)
        listing_cache_forget(&failure);
    if (code < 0 && code != -REASON_EMPTY)
        return code;
    listing_cache_store(&names, entries);
    return 0;
}

/* In other encodings the bytes of UTF-8 might be characters that mean something to bash. */
static bool is_readable(const char *name)
{
    static const char *codeset;

    if (codeset == NULL) {
        (void)setlocale(LC_CTYPE, "");
        codeset = nl_langinfo(CODESET);
    }
    for (const char *byte = name; *byte != '\0'; byte++) {
        if ((unsigned char)*byte >= 0x80)
            return strcmp(codeset, "UTF-8") == 0;
    }
    return true;
}

static int offer_entries(struct completion *completion, struct entries *entries, bool only_folders)
{
    const char *twice = entries_sort(entries);

    if (twice != NULL)
        return complain(REASON_BREACH, twice, "the server listed it twice");
    for (size_t i = 0; i < entries->count; i++) {
        struct entry entry;
        entries_get(entries, i, &entry);
        bool is_folder = entry.name[strlen(entry.name) - 1] == '/';
        if ((is_folder || !only_folders) && is_readable(entry.name))
            offer(completion, entry.name);
    }
    return 0;
}

/* Names in the library, a folder at a time. */
static int offer_names(struct completion *completion, bool only_folders)
{
    struct settings *settings = &completion->invocation->settings;
    const char *slash = strrchr(completion->typed, '/');
    size_t length = slash != NULL ? (size_t)(slash + 1 - completion->typed) : 0;
    struct entries entries;
    char folder[NAME_LONGEST + 2] = "";

    /* A variable may be part of the server's address, or even an option. */
    if (!completion->line.rest_is_known ||
        (length > 0 && name_fault(completion->typed, length - 1) != NULL))
        return 0;
    memcpy(folder, completion->typed, length);
    int code = settings_read(settings, &completion->options);
    if (code < 0)
        return code;
    settings->max_time_ms = DEADLINE_MS;
    if (entries_begin(&entries, ENTRIES_NAMES) < 0)
        return complain_errno(REASON_INTERNAL, "complete", "no memory");
    code = find_names(completion, folder, &entries);
    if (code == 0)
        code = offer_entries(completion, &entries, only_folders);
    entries_free(&entries);
    return code;
}

/* Local files readline completes itself, and quotes them well. */
static int leave_to_readline(void)
{
    return output_print("default\n");
}

/* What is a text of that kind; what is known of it. */
static int offer_values(struct completion *completion, enum value value)
{
    static const char *const addresses[] = {ADDRESS_DEFAULT, "exec:", "plain:", NULL};
    static const char *const times[] = {"10s", "30s", "1m", "5m", "1h", NULL};
    static const char *const counts[] = {"1", "3", "10", NULL};
    bool is_path = value == VALUE_FILE || value == VALUE_DIR ||
                   (value == VALUE_ADDRESS && completion->typed[0] == '/');
    int code = 0;

    if (is_path || !completion->line.last_is_known)
        return is_path ? leave_to_readline() : 0;
    if (value == VALUE_NAME || value == VALUE_FOLDER || value == VALUE_NEW_NAME)
        code = offer_names(completion, value != VALUE_NAME);
    if (value == VALUE_ADDRESS)
        offer_words(completion, addresses);
    if (value == VALUE_TIME)
        offer_words(completion, times);
    if (value == VALUE_COUNT)
        offer_words(completion, counts);
    if (value == VALUE_TOPIC) {
        offer_commands(completion);
        for (const struct help_topic *topic = help_topics; topic->word != NULL; topic++)
            offer(completion, topic->word);
    }
    completion->candidates.is_unfinished =
        completion->candidates.is_unfinished || value == VALUE_ADDRESS;
    if (code == 0)
        candidates_print(&completion->candidates);
    return code;
}

/* The value of --option=value in the last word; VALUE_NONE when that is something else. */
static enum value find_value(struct completion *completion)
{
    const char *word = completion->typed;
    const char *equals = strchr(word, '=');

    if (equals == NULL || strncmp(word, "--", 2) != 0)
        return VALUE_NONE;
    enum option option = options_find(word + 2, (size_t)(equals - word) - 2);
    if (option == OPTION_COUNT || (accepted_options(completion) & OPTION_BIT(option)) == 0)
        return VALUE_NONE;
    if (option_rows[option].kind != VALUE_NONE)
        completion->typed = equals + 1;
    return (enum value)option_rows[option].kind;
}

static int offer_operands(struct completion *completion)
{
    const struct command *command = completion->command;

    if (command == NULL || completion->options.operand_count >= command->most)
        return 0;
    completion->candidates.is_operand = !completion->options.only_operands;
    return offer_values(completion, command->operand);
}

/* What may stand at the place of the last word? `parsed` tells what came of those before it. */
static int offer_all(struct completion *completion, int parsed)
{
    const struct options *options = &completion->options;

    if (completion->line.is_target)
        return leave_to_readline();
    if (options->awaiting != OPTION_COUNT)
        return offer_values(completion, (enum value)option_rows[options->awaiting].kind);
    if (parsed < 0)
        return parsed;
    bool is_option = completion->typed[0] == '-' && !options->only_operands;
    enum value value = is_option ? find_value(completion) : VALUE_NONE;
    if (value != VALUE_NONE)
        return offer_values(completion, value);
    if (!is_option && options->command != NULL)
        return offer_operands(completion);
    if (!completion->line.last_is_known)
        return 0;
    if (is_option)
        offer_options(completion);
    else
        offer_commands(completion);
    candidates_print(&completion->candidates);
    return 0;
}

/* The quotes with which a text begins. */
static enum shell_quotes quotes_at(const char *text)
{
    return text[0] == '"'                      ? SHELL_DOUBLE
           : text[0] == '\''                   ? SHELL_SINGLE
           : text[0] == '$' && text[1] == '\'' ? SHELL_ANSI
                                               : SHELL_BARE;
}

/*
 * Finds out what of the last word readline will replace: what stands behind the quote that is open
 * or, where none is, the text that it gave, which may begin at a ":" or "=" in the word.
 */
static int find_kept(struct completion *completion, const char *bytes, const char *text)
{
    const struct shell_line *line = &completion->line;
    struct candidates *candidates = &completion->candidates;
    size_t length = strlen(bytes);
    size_t text_length = strlen(text);
    size_t start = length - text_length;
    struct shell_line head;

    if (line->quotes != SHELL_BARE)
        start = line->opened;
    else if (text_length > length || strcmp(bytes + start, text) != 0)
        return -1;
    int code = shell_split(&head, bytes, start);
    if (code == 0 && (head.count != line->count || head.quotes != line->quotes))
        code = -1;
    if (code == 0) {
        candidates->word = line->words[line->count - 1];
        candidates->kept = strlen(head.words[head.count - 1]);
        candidates->quotes = line->quotes;
        candidates->style = line->quotes == SHELL_BARE ? quotes_at(text) : SHELL_BARE;
        completion->typed = candidates->word;
    }
    shell_release(&head);
    return code;
}

/* Completes a line; one of which it is not clear what bash will make of it gets no candidates. */
static int complete_line(struct invocation *invocation)
{
    struct completion completion = {.invocation = invocation};
    struct shell_line *line = &completion.line;
    char **operands = invocation->options->operands;
    int code = 0;

    completion.candidates.only_plain = strcmp(operands[2], "plain") == 0;
    if (shell_split(line, operands[0], strlen(operands[0])) == 0 && line->count > 1 &&
        find_kept(&completion, operands[0], operands[1]) == 0) {
        struct options *options = &completion.options;
        line->words[line->count - 1] = NULL;
        struct failure failure = {.reason = REASON_NONE};
        code = options_parse(options, (int)line->count - 1, line->words, command_options, &failure);
        failure_print(&failure);
        if (options->command != NULL)
            completion.command = command_find(options->command);
        code = offer_all(&completion, code);
        free(options->operands);
    }
    shell_release(line);
    int printed = output_flush();
    return code < 0 ? code : printed;
}

/* Prints what has been written to a file in memory. */
static int print_file(int fd)
{
    size_t length = (size_t)lseek(fd, 0, SEEK_END);
    char *text = length > 0 ? mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;

    if (text == NULL)
        return 0;
    if (text == MAP_FAILED || output_write_all(STDOUT_FILENO, text, length) < 0)
        return complain_errno(REASON_LOCAL, "standard output", "cannot write");
    return 0;
}

/* Waits for the process until the deadline, then ends it and whatever it has started. */
static int await(pid_t worker)
{
    struct pollfd polled = {.fd = (int)syscall(SYS_pidfd_open, worker, 0), .events = POLLIN};
    int status = 0;
    bool is_late = poll(&polled, 1, DEADLINE_MS) == 0;

    descriptor_close(polled.fd);
    (void)kill(-worker, SIGKILL);
    signals_forget_child();
    (void)waitpid(worker, &status, 0);
    if (is_late)
        return complain(REASON_TIMEOUT, "complete", "the server does not answer in time");
    return status == 0 ? 0 : -REASON_INTERNAL;
}

/*
 * A process of its own completes the line. Its session has no terminal, on which a command that is
 * the server could ask for a password; and what hangs in it, it cannot hold up the shell.
 */
int complete_run(struct invocation *invocation)
{
    static const int unheeded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    int output = memfd_create("candidates", MFD_CLOEXEC);
    pid_t worker = output >= 0 ? signals_fork() : -1;

    if (worker < 0)
        return complain_errno(REASON_INTERNAL, "complete", "cannot start");
    if (worker == 0) {
        signals_catch();
        (void)setsid();
        (void)setenv("SSH_ASKPASS_REQUIRE", "never", 1);
        (void)dup2(output, STDOUT_FILENO);
        _exit(complete_line(invocation) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    /*
     * Whatever else would end this, nothing that the worker has started may be left; it takes no
     * second.
     */
    for (size_t i = 0; i < sizeof unheeded / sizeof unheeded[0]; i++)
        (void)signal(unheeded[i], SIG_IGN);
    int code = await(worker);
    if (code == 0)
        code = print_file(output);
    descriptor_close(output);
    return code;
}
