#include "cli/known_servers.h"

#include <string.h>

#include "tests/unit/check.h"

#define KEY   "SHA256:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE"
#define OTHER "SHA256:AXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE"
#define FIFTY "0123456789.0123456789.0123456789.0123456789.012345"

/* How a server is called in pins, if the text is its address. */
static const char *name_of(const char *text)
{
    static char name[SERVER_NAME_ROOM];
    struct address address;

    CHECK(address_parse(text, &address) == NULL && address.kind == ADDRESS_TLS);
    return known_servers_name(&address, name);
}

static void check_names(void)
{
    char longest[256];

    CHECK(strcmp(name_of("Backup1.EXAMPLE"), "backup1.example:7373") == 0);
    CHECK(strcmp(name_of("backup1.example.:99"), "backup1.example.:99") == 0);
    CHECK(strcmp(name_of("[::1]"), "[::1]:7373") == 0);
    CHECK(strcmp(name_of("[FE80::1%eth0]:65535"), "[fe80::1%eth0]:65535") == 0);
    memset(longest, ':', sizeof longest);
    longest[0] = '[';
    longest[sizeof longest - 2] = ']';
    longest[sizeof longest - 1] = '\0';
    CHECK(strlen(name_of(longest)) == sizeof longest - 1 + strlen(":7373"));
}

static void check_pins(void)
{
    static const char text[] =
        "# Pins.\n"
        "\n"
        "Backup1 " KEY "\n"
        " \t backup1:7373\t" OTHER "  # the next one\r\n"
        "[::1]:99 " KEY " #" FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY "\n"
        " #\n"
        "backup1 " KEY;
    static const struct {
        const char *server, *key;
        unsigned line;
    } wanted[] = {{"backup1:7373", KEY, 3},
                  {"backup1:7373", OTHER, 4},
                  {"[::1]:99", KEY, 5},
                  {"backup1:7373", KEY, 7}};
    struct known_servers known = {.count = 0};
    struct fault fault;
    char key[FINGERPRINT_ROOM];

    CHECK(known_servers_parse(&known, text, "file", &fault) == 0);
    CHECK(known.count == COUNT(wanted));
    for (size_t i = 0; i < COUNT(wanted); i++) {
        const struct pin *pin = &known.pins[i];
        CHECK(strcmp(pin->server, wanted[i].server) == 0 && pin->line == wanted[i].line);
        CHECK(strcmp(fingerprint_print(&pin->key, key), wanted[i].key) == 0);
        CHECK(strcmp(pin->file, "file") == 0);
    }
    /* Those of another file come after them. */
    CHECK(known_servers_parse(&known, "x " KEY "\n", "other", &fault) == 0);
    CHECK(known.count == COUNT(wanted) + 1 &&
          strcmp(known.pins[known.count - 1].file, "other") == 0);
    CHECK(known_servers_parse(&known, "", "empty", &fault) == 0);
    CHECK(known.count == COUNT(wanted) + 1);
    known_servers_release(&known);
    CHECK(known.count == 0);
}

static void check_faults(void)
{
    static const char *const wrong[] = {
        KEY,
        "backup1",
        "backup1 " KEY "x",
        "backup1 sha256:x",
        "backup1 " KEY " " OTHER,
        "backup1 " KEY " note",
        "backup1 " KEY "#note",
        "backup1," KEY,
        "plain:backup1 " KEY,
        "/run/socket " KEY,
        "ssh://backup1 " KEY,
        "::1 " KEY,
        "backup1: " KEY,
        "backup1:65536 " KEY,
        "a#b " KEY,
        "a\x01 " KEY,
        FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY " " KEY,
    };
    struct known_servers known = {.count = 0};
    struct fault fault;
    char text[1024];

    for (size_t i = 0; i < COUNT(wrong); i++) {
        (void)snprintf(text, sizeof text, "# x\nbackup1 " KEY "\n%s\nbackup1 " OTHER "\n",
                       wrong[i]);
        CHECK(known_servers_parse(&known, text, "file", &fault) == -REASON_USAGE);
        CHECK(fault.line == 3 && strcmp(fault.file, "file") == 0 && fault.text[0] != '\0');
        known_servers_release(&known);
    }
}

int main(void)
{
    check_names();
    check_pins();
    check_faults();
    return 0;
}
