/*
 * Words: names, numbers, times, sizes, addresses, digests and words of a shell. What is parsed and
 * printed is the same, and what is quoted is read back.
 */
#include "cli/shell.h"
#include "protocol/address.h"
#include "protocol/digest.h"
#include "protocol/line.h"
#include "protocol/name.h"
#include "protocol/value.h"
#include "settings/quantity.h"
#include "settings/spelling.h"
#include "tests/fuzz/fuzz.h"

static void check_name(const char *text, size_t length)
{
    bool is_valid = name_is_valid(text, length);
    char escaped[NAME_ESCAPED_ROOM];
    char decoded[NAME_ESCAPED_ROOM];
    struct field field;

    CHECK(is_valid == (name_fault(text, length) == NULL));
    if (!is_valid)
        return;
    CHECK(length >= 1 && length <= NAME_LONGEST && fuzz_is_clean(text, length));
    for (const char *part = text; part < text + length;) {
        size_t part_length = strcspn(part, "/");
        CHECK(name_component_is_valid(part, part_length));
        CHECK(strncmp(part, "..", part_length) != 0 && strncmp(part, ".fsd", 4) != 0);
        part += part_length + 1;
    }
    size_t used = line_escape(text, length, escaped);
    CHECK(line_parse_field(escaped, used, decoded, &field) > 0 && field.key == NULL);
    CHECK(field.length == length && memcmp(field.bytes, text, length) == 0);
}

/* One spelling for each character. What is beyond the end of the input is not read: ASan sees that. */
static void check_characters(const char *bytes, size_t length)
{
    while (length > 0) {
        uint32_t character = 0;
        size_t size = utf8_decode(bytes, length, &character);
        size_t usual = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
        CHECK(size == 0 || size == usual);
        CHECK(character <= 0x10FFFF && (character < 0xD800 || character > 0xDFFF));
        size_t step = size > 0 ? size : 1;
        bytes += step;
        length -= step;
    }
}

static void check_utf8(const char *text, size_t length)
{
    char *clean = malloc(length + 1);
    char *again = malloc(length + 1);

    CHECK(clean != NULL && again != NULL);
    size_t used = utf8_clean(text, length, clean, length + 1);
    CHECK(used <= length && fuzz_is_message(clean, used));
    CHECK(utf8_clean(clean, used, again, length + 1) == used && memcmp(clean, again, used) == 0);
    CHECK(fuzz_is_clean(again, utf8_clean(text, length, again, length / 2 + 1)));
    free(clean);
    free(again);
}

static void check_numbers(const char *text, size_t length)
{
    int64_t number = 0, again = 0;
    struct timespec time = {0}, time_again = {0};
    char printed[VALUE_TIME_ROOM];

    if (value_number(text, length, &number)) {
        CHECK(snprintf(printed, sizeof printed, "%lld", (long long)number) == (int)length);
        CHECK(memcmp(printed, text, length) == 0);
    }
    if (value_time(text, length, &time)) {
        /* The same without zeros at the end. */
        CHECK(strncmp(text, value_print_time(time, printed), strlen(printed)) == 0);
        CHECK(strspn(text + strlen(printed), ".0") == length - strlen(printed));
        CHECK(value_time(printed, strlen(printed), &time_again));
        CHECK(time.tv_sec == time_again.tv_sec && time.tv_nsec == time_again.tv_nsec);
    }
    if (quantity_duration(text, &number))
        CHECK(quantity_duration(quantity_print_duration(number, printed), &again) &&
              again == number);
    if (quantity_size(text, &number))
        CHECK(quantity_size(quantity_print_size(number, printed), &again) && again == number &&
              strlen(quantity_print_human(number, printed)) < QUANTITY_ROOM);
    CHECK(!quantity_mode(text, &number) || (number >= 0 && number <= 0777));
    CHECK(!quantity_age(text, &number) || number >= 0);
}

static void check_address(const char *text)
{
    struct address address;
    char digest[DIGEST_ROOM];

    if (address_parse(text, &address) == NULL) {
        CHECK(address.text == text && memchr(address.host, '\0', sizeof address.host) != NULL);
        CHECK(memchr(address.port, '\0', sizeof address.port) != NULL);
        bool has_rest = address.kind != ADDRESS_TLS && address.kind != ADDRESS_PLAIN;
        CHECK(!has_rest || address.rest[0] == '\0' || strstr(text, address.rest) != NULL);
    }
    if (digest_of_hex(text, digest))
        CHECK(digest_check(digest, DIGEST_LENGTH) == 0);
}

/*
 * A text that is put into a line behind open quotes, as readline(3) does it, is read back: of two
 * opening quotes one goes, and one that closes is added unless there is one.
 */
static void check_quoted(const char *text, enum shell_quotes open, enum shell_quotes style)
{
    static const char *const openings[] = {"", "\"", "'", "$'"};
    static const char *const closings[] = {"", "\"", "'", "'"};
    char *quoted = shell_quote(text, open, style, SIZE_MAX);
    char *command = NULL;
    struct shell_line line;

    CHECK(quoted != NULL);
    size_t length = strlen(quoted);
    bool is_opened = open != SHELL_BARE && quoted[0] == *closings[open];
    bool is_closed = open != SHELL_BARE && length > 0 && quoted[length - 1] == *closings[open];
    CHECK(asprintf(&command, "fsc %s%s%s", openings[open], quoted + (is_opened ? 1 : 0),
                   is_closed ? "" : closings[open]) > 0);
    CHECK(shell_split(&line, command, strlen(command)) == 0 && line.count == 2);
    CHECK(strcmp(line.words[1], text) == 0 && line.quotes == SHELL_BARE && line.last_is_known);
    shell_release(&line);
    free(command);
    free(quoted);
}

static void check_shell(const char *text, size_t length)
{
    struct shell_line line;

    for (enum shell_quotes style = SHELL_BARE; fuzz_is_clean(text, length) && style <= SHELL_ANSI;
         style++) {
        check_quoted(text, SHELL_BARE, style);
        check_quoted(text, style, SHELL_BARE);
    }
    if (shell_split(&line, text, length) == 0)
        CHECK(line.count >= 1 && line.words[line.count] == NULL && line.opened <= length);
    shell_release(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = {"library", "listen", "limits.idle", "get", "--into"};
    struct spelling spelling;
    char *text = fuzz_text(data, size);

    check_characters((const char *)data, size);
    check_name(text, size);
    check_utf8(text, size);
    if (strlen(text) == size) {
        check_numbers(text, size);
        check_address(text);
        check_shell(text, size);
        spelling_begin(&spelling, text, size);
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            spelling_try(&spelling, words[i]);
        (void)spelling_nearest(&spelling);
    }
    free(text);
    return 0;
}
