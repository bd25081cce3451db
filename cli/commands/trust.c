#include <stdlib.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/dial.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/trusted.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"

/* The server that an operand means. */
struct host {
    const struct configuration *row; /* of `servers`; NULL: the operand is its address */
    struct address address;
    char name[SERVER_NAME_ROOM]; /* as in pins */
};

static int find_host(struct invocation *invocation, const char *operand, struct host *ret)
{
    struct failure *failure = invocation->failure;
    struct fingerprint ignored;

    *ret = (struct host){.row = settings_find_server(&invocation->settings, operand),
                         .address.kind = ADDRESS_UNIX};
    const struct server *named = ret->row != NULL ? ret->row->values : NULL;
    const char *wrong = NULL;
    if (fingerprint_parse(operand, &ignored))
        wrong = "the host is missing before the fingerprint";
    else if (strpbrk(operand, "/@") == NULL)
        wrong = address_parse(named != NULL ? named->address : operand, &ret->address);
    if (wrong == NULL && ret->address.kind != ADDRESS_TLS)
        wrong = "has no key to pin: only HOST, HOST:PORT and [V6]:PORT have one";
    if (wrong != NULL)
        return fail(failure, REASON_USAGE, operand, "%s", wrong);
    (void)known_servers_name(&ret->address, ret->name);
    return 0;
}

/* Prints a pin as a line of the file has it. `json` gets what else there is to say. */
static void print_pin(const struct invocation *invocation, const char *server,
                      const struct fingerprint *key, struct json *json)
{
    char text[FINGERPRINT_ROOM];

    (void)fingerprint_print(key, text);
    if (!invocation_has(invocation, OPTION_JSON)) {
        (void)output_print("%s %s\n", server, text);
        return;
    }
    json_text(json, "server", server);
    json_text(json, "key", text);
}

static int list(struct invocation *invocation, const struct host *host)
{
    struct known_servers known = {.count = 0};
    int code = known_servers_read(&known, invocation->failure);

    for (size_t i = 0; code == 0 && i < known.count; i++) {
        const struct pin *pin = &known.pins[i];
        struct json json = {.count = 0};
        if (host != NULL && strcmp(pin->server, host->name) != 0)
            continue;
        print_pin(invocation, pin->server, &pin->key, &json);
        if (!invocation_has(invocation, OPTION_JSON))
            continue;
        json_text(&json, "file", pin->file);
        json_number(&json, "line", pin->line);
        (void)json_end(&json);
    }
    known_servers_release(&known);
    return code;
}

/* Removes pins from the user's file, of `count` keys or all. In that of the machine they stay. */
static int remove_pins(struct invocation *invocation, const struct host *host,
                       const struct fingerprint *keys, size_t count)
{
    struct failure *failure = invocation->failure;
    struct known_servers known = {.count = 0};
    const struct pin *other = NULL;
    size_t found = 0;
    int code = known_servers_read(&known, failure);

    for (size_t i = 0; code == 0 && i < known.count; i++) {
        const struct pin *pin = &known.pins[i];
        bool is_meant = count == 0;
        for (size_t j = 0; j < count; j++)
            is_meant = is_meant || fingerprint_is_equal(&pin->key, &keys[j]);
        if (!is_meant || strcmp(pin->server, host->name) != 0)
            continue;
        found += pin->file == known.user_file;
        other = pin->file != known.user_file ? pin : other;
    }
    if (code == 0 && found > 0)
        code = known_servers_remove(host->name, keys, count, failure);
    if (code == 0 && other != NULL)
        code = fail(failure, REASON_LOCAL, host->name,
                    "is still pinned in %s:%u, for all users (change that file)", other->file,
                    other->line);
    else if (code == 0 && found == 0)
        code = fail(failure, REASON_NOT_FOUND, host->name, "there is no such pin");
    known_servers_release(&known);
    return code;
}

/* Notes the key of the server, and ends the handshake. */
static bool note_key(void *context, const struct fingerprint *key)
{
    *(struct fingerprint *)context = *key;
    return false;
}

/* Finds out which key the server has, without showing it one. */
static int look(struct invocation *invocation, const struct host *host, struct fingerprint *ret)
{
    struct settings *settings = &invocation->settings;
    struct failure *failure = invocation->failure;
    struct tls_connection *connection = NULL;
    int64_t limit_ms = settings->connect_ms;
    char fault[TLS_FAULT_ROOM];
    int ends[2] = {-1, -1};
    pid_t command = 0;
    const struct tls *tls = tls_load(fault);

    if (tls == NULL)
        return fail(failure, REASON_INTERNAL, host->name, "cannot use TLS: %s", fault);
    if (settings->max_time_ms > 0 && settings->max_time_ms < limit_ms)
        limit_ms = settings->max_time_ms;
    int64_t until_ms = clock_ms() + limit_ms;
    settings->server = host->address;
    int code = dial(settings, limit_ms, false, ends, &command, failure);
    if (code < 0)
        return code;
    code = tls->connect(ends[0], NULL, note_key, ret, until_ms, &connection, ret, fault);
    descriptor_close(ends[0]);
    return code == -REASON_IDENTITY ? 0 : fail(failure, reason_of(code), host->name, "%s", fault);
}

/* Shows the key that the server has, and pins it if that is wanted and none is pinned yet. */
static int show(struct invocation *invocation, const struct host *host)
{
    struct failure *failure = invocation->failure;
    struct trusted trusted;
    struct fingerprint key;
    struct json json = {.count = 0};
    int code = trusted_find(host->row, &host->address, &trusted, failure);

    if (code == 0)
        code = look(invocation, host, &key);
    if (code < 0) {
        trusted_forget(&trusted);
        return code;
    }
    enum trust trust = trusted_check(&trusted, &key);
    if (trust == TRUST_UNKNOWN && invocation_has(invocation, OPTION_ACCEPT)) {
        code = known_servers_add(host->name, &key, 1, failure);
        trust = code == 0 ? TRUST_PINNED : trust;
    } else if (trust != TRUST_PINNED) {
        code = trusted_refuse(&trusted, &key, failure);
    }
    print_pin(invocation, host->name, &key, &json);
    if (invocation_has(invocation, OPTION_JSON)) {
        static const char *const words[] = {"unknown", "changed", "pinned"};
        json_text(&json, "outcome", words[trust]);
        (void)json_end(&json);
    }
    trusted_forget(&trusted);
    return code;
}

static int read_keys(struct invocation *invocation, struct fingerprint **ret)
{
    const struct options *options = invocation->options;

    *ret = calloc(options->operand_count - 1, sizeof **ret);
    if (*ret == NULL)
        return fail_errno(invocation->failure, REASON_INTERNAL, "trust", "no memory");
    for (size_t i = 1; i < options->operand_count; i++) {
        if (!fingerprint_parse(options->operands[i], &(*ret)[i - 1]))
            return fail(invocation->failure, REASON_USAGE, options->operands[i],
                        "not a fingerprint (SHA256: and 43 characters)");
    }
    return 0;
}

int trust_run(struct invocation *invocation)
{
    static const enum option excluded[][2] = {
        {OPTION_LIST, OPTION_REMOVE}, {OPTION_LIST, OPTION_ACCEPT}, {OPTION_REMOVE, OPTION_ACCEPT}};
    const struct options *options = invocation->options;
    struct failure *failure = invocation->failure;
    size_t operands = options->operand_count;
    bool lists = invocation_has(invocation, OPTION_LIST);
    bool removes = invocation_has(invocation, OPTION_REMOVE);
    struct fingerprint *keys = NULL;
    struct host host = {.row = NULL};
    int code = options_exclude(options, excluded, sizeof excluded / sizeof excluded[0], failure);

    if (code == 0 && operands == 0 && !lists)
        code = fail(failure, REASON_USAGE, "trust", "needs HOST (see fsc help trust)");
    if (code == 0 && operands > 1 && (lists || invocation_has(invocation, OPTION_ACCEPT)))
        code =
            fail(failure, REASON_USAGE, "trust", "--%s takes only HOST", lists ? "list" : "accept");
    if (code == 0 && operands > 0)
        code = find_host(invocation, options->operands[0], &host);
    if (code == 0 && operands > 1)
        code = read_keys(invocation, &keys);
    if (code == 0 && host.row != NULL && settings_origin(host.row, "key") != NULL &&
        (operands > 1 || removes))
        code = fail(failure, REASON_USAGE, options->operands[0],
                    "its key is set in %s (change it there)", settings_origin(host.row, "key"));
    if (code == 0)
        code = lists          ? list(invocation, operands > 0 ? &host : NULL)
               : removes      ? remove_pins(invocation, &host, keys, operands - 1)
               : operands > 1 ? known_servers_add(host.name, keys, operands - 1, failure)
                              : show(invocation, &host);
    free(keys);
    (void)invocation_report(invocation, code);
    (void)invocation_report(invocation, output_flush(failure));
    return invocation->first;
}
