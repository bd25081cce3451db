#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/value.h"
#include "settings/quantity.h"

#define TIME_LONGEST_MS (INT64_C(36500) * 24 * 3600 * 1000)

const struct option_row option_rows[OPTION_COUNT + 1] = {
    [OPTION_NAME] = {"name", .value = "NAME", .kind = VALUE_NEW_NAME,
                     .habits = "--stdin-filename --as --rename",
                     .help = "store the FILE under this name"},
    [OPTION_FROM_COMMAND] = {"from-command", .habits = "--stdin-from-command --exec --command -c",
                             .help = "store what the command after -- prints, if it exits with 0"},
    [OPTION_TO_COMMAND] = {"to-command", .habits = "--exec --command --pipe -c",
                           .help = "give the file to the command after --"},
    [OPTION_FOLDER] = {"folder", .value = "FOLDER", .kind = VALUE_FOLDER,
                       .habits = "-t --target-directory --to --dest --destination --prefix",
                       .help = "store the files in this folder"},
    [OPTION_OUTPUT] = {"output", .letter = 'o', .value = "FILE", .kind = VALUE_FILE,
                       .habits = "-O --output-document --stdout",
                       .help = "write to this file, or - for standard output"},
    [OPTION_INTO] = {"into", .value = "DIR", .kind = VALUE_DIR,
                     .habits = "-t --target-directory -P --directory-prefix --output-dir -d --to",
                     .help = "write the files into this folder"},
    [OPTION_FORCE] = {"force", .letter = 'f', .habits = "--overwrite --replace --clobber",
                      .help = "replace a local file that has different content"},
    [OPTION_LONG] = {"long", .letter = 'l', .habits = "-a --all",
                     .help = "show the size and time of each file"},
    [OPTION_RECURSIVE] = {"recursive", .letter = 'R', .habits = "-r -a --archive",
                          .help = "include everything below a folder"},
    [OPTION_UNSORTED] = {"unsorted", .letter = 'U',
                         .help = "list files in the order the server finds them"},
    [OPTION_MATCH] = {"match", .value = "PATTERN", .kind = VALUE_PATTERN,
                      .habits = "--include --filter --pattern -name --name",
                      .help = "only files that match, e.g. '*.gz'"},
    [OPTION_HUMAN] = {"human", .letter = 'h', .help = "with -l: show sizes as 1.5K or 20M"},
    [OPTION_LOCAL] = {"local", .habits = "--localtime --local-time",
                      .help = "show times in the local time zone, not in UTC"},
    [OPTION_BY_TIME] = {"by-time", .letter = 't', .habits = "--sort",
                        .help = "list the newest first"},
    [OPTION_LARGEST] = {"largest", .letter = 'S', .help = "list the largest first"},
    [OPTION_REVERSE] = {"reverse", .letter = 'r', .help = "reverse the order"},
    [OPTION_SUMS] = {"sums", .help = "print lines for sha256sum -c, files only"},
    [OPTION_FAIL_EMPTY] = {"fail-empty", .help = "exit with 5 when there are no files"},
    [OPTION_JSON] = {"json", .help = "print JSON, one object per line"},
    [OPTION_NULL] = {"null", .letter = '0', .help = "end each name with NUL instead of a newline"},
    [OPTION_FILES_FROM] = {"files-from", .value = "FILE", .kind = VALUE_FILE,
                           .habits = "-T --files-from0 --input-file -i",
                           .help = "read operands from this file, one per line, or -"},
    [OPTION_EXISTING] = {"existing", .help = "first print the files that already exist"},
    [OPTION_NUMBER] = {"count", .value = "N", .kind = VALUE_COUNT, .help = "exit after N files"},
    [OPTION_RETRY] = {"retry", .value = "N", .kind = VALUE_COUNT, .habits = "--retries --tries",
                      .help = "make up to N more attempts after exit code 10, 11 or 12"},
    [OPTION_RESUME] = {"resume", .habits = "-c -C --continue --continue-at --partial",
                       .help = "keep what came if it breaks off, and continue from there"},
    [OPTION_LIMIT_RATE] = {"limit-rate", .value = "RATE", .kind = VALUE_SIZE,
                           .habits = "--bwlimit --limit --rate --rate-limit --throttle",
                           .help = "move at most this many bytes a second, e.g. 500K"},
    [OPTION_SHA256] = {"sha256", .value = "HEX", .kind = VALUE_SUM,
                       .help = "accept only content with this digest: 64 hex digits"},
    [OPTION_SIZE] = {"size", .value = "BYTES", .kind = VALUE_SIZE,
                     .help = "store only content of exactly this size"},
    [OPTION_MIN_SIZE] = {"min-size", .value = "SIZE", .kind = VALUE_SIZE,
                         .help = "store only content of at least this size, e.g. 10M"},
    [OPTION_ALLOW_EMPTY] = {"allow-empty", .help = "store a stream even if it ends without a byte"},
    [OPTION_SPOOL] = {"spool",
                      .help = "keep a stream in a temporary file until all of it is there"},
    [OPTION_FAIL_FAST] = {"fail-fast", .habits = "--fail-early --exit-on-error --stop-on-error",
                          .help = "stop at the first failure, and try nothing after it"},
    [OPTION_RETRY_MAX_TIME] = {"retry-max-time", .value = "TIME", .kind = VALUE_TIME,
                               .help = "with --retry: begin no attempt later than this"},
    [OPTION_REPLACE] = {"replace", .value = "DIGEST", .kind = VALUE_DIGEST,
                        .value_is_optional = true, .habits = "-f --force --overwrite --clobber",
                        .help = "replace what has the name, or only content with this digest"},
    [OPTION_MISSING_OK] = {"missing-ok", .habits = "-f --force --ignore-missing",
                           .help = "do not fail for a name that does not exist"},
    [OPTION_OLDER_THAN] = {"older-than", .value = "AGE", .kind = VALUE_AGE,
                           .habits = "--min-age --mtime -mtime",
                           .help = "only files stored at least this long ago, e.g. 30d"},
    [OPTION_NEWER_THAN] = {"newer-than", .value = "AGE", .kind = VALUE_AGE,
                           .habits = "--max-age --since",
                           .help = "only files stored since then, e.g. 1d"},
    [OPTION_LARGER_THAN] = {"larger-than", .value = "SIZE", .kind = VALUE_SIZE,
                            .habits = "--min-size",
                            .help = "only files of more than this size, e.g. 10M"},
    [OPTION_SMALLER_THAN] = {"smaller-than", .value = "SIZE", .kind = VALUE_SIZE,
                             .habits = "--max-size", .help = "only files of less than this size"},
    [OPTION_NEWEST] = {"newest", .value = "N", .kind = VALUE_COUNT, .habits = "--last --latest",
                       .help = "only the newest N files"},
    [OPTION_KEEP] = {"keep", .value = "N", .kind = VALUE_COUNT,
                     .habits = "--keep-last --keep-newest",
                     .help = "keep the newest N files that match"},
    [OPTION_DRY_RUN] = {"dry-run", .letter = 'n', .habits = "--dryrun --just-print",
                        .help = "only say what would be done"},
    [OPTION_WAIT] = {"wait", .value = "TIME", .kind = VALUE_TIME, .value_is_optional = true,
                     .help = "wait until the file exists, at most this long"},
    [OPTION_PROGRESS] = {"progress", .habits = "-P --progress-bar",
                         .help =
                             "show progress where there is no terminal, too: a line now and then"},
    [OPTION_NO_PROGRESS] = {"no-progress", .habits = "--no-progress-meter --no-progress-bar",
                            .help = "show no progress on a terminal"},
    [OPTION_EXCLUSIVE] = {"exclusive", .habits = "--no-clobber --ignore-existing --immutable",
                          .help = "exit with 3 if the name is taken, even by the same content"},
    [OPTION_IF_SAME] = {"if-same",
                        .help = "read standard input even if the name is taken, to compare it"},
    [OPTION_EXCLUDE] = {"exclude", .value = "PATTERN", .kind = VALUE_PATTERN, .is_repeatable = true,
                        .habits = "--ignore --exclude-dir",
                        .help = "with -R: leave out what matches, e.g. '*.o' or 'cache/'"},
    [OPTION_INCLUDE] = {"include", .value = "PATTERN", .kind = VALUE_PATTERN, .is_repeatable = true,
                        .help = "with -R: but not this; the first of both that matches counts"},
    [OPTION_LINKS] = {"links", .value = "HOW", .kind = VALUE_LINKS,
                      .habits = "-L --copy-links --dereference --no-dereference -l",
                      .help = "with -R: skip symbolic links, or follow them"},
    [OPTION_SPECIALS] = {"specials", .value = "HOW", .kind = VALUE_SPECIALS,
                         .habits = "--no-specials -D --devices --no-devices",
                         .help = "with -R: skip FIFOs, sockets and devices"},
    [OPTION_ACCEPT] = {"accept", .habits = "-y --yes --force",
                       .help = "pin the key that the server shows, if it is unknown"},
    [OPTION_LIST] = {"list", .help = "list the pins"},
    [OPTION_REMOVE] = {"remove", .habits = "-d --delete",
                       .help = "remove pins: these, or all of the server"},
    [OPTION_SERVER] = {"server", .value = "ADDRESS", .kind = VALUE_ADDRESS,
                       .habits = "-s -H --host --remote --endpoint-url --url",
                       .help = "where the library is (default: FSC_SERVER, then the settings)"},
    [OPTION_CONNECT_TIMEOUT] = {"connect-timeout", .value = "TIME", .kind = VALUE_TIME,
                                .help = "connect within this time, e.g. 3s"},
    [OPTION_IDENTITY] = {"identity", .value = "FILE", .kind = VALUE_FILE,
                         .habits = "-i --key --private-key --cert -E",
                         .help = "your key (default: FSC_IDENTITY, then the settings)"},
    [OPTION_MAX_TIME] = {"max-time", .value = "TIME", .kind = VALUE_TIME, .habits = "-m --timeout",
                         .help = "wait at most this long for the server, in all, e.g. 30s"},
    [OPTION_CONFIG] = {"config", .value = "FILE", .kind = VALUE_FILE,
                       .help = "read settings from this file only"},
    [OPTION_VERBOSE] = {"verbose", .letter = 'v', .habits = "--progress-meter --debug",
                        .help = "say on standard error what is done"},
    [OPTION_QUIET] = {"quiet", .letter = 'q', .habits = "-s --silent", .help = "print errors only"},
    [OPTION_COLOR] = {"color", .value = "WHEN", .kind = VALUE_COLOR, .habits = "--colour",
                      .help = "colour errors and progress: auto (the default), always or never"},
    [OPTION_HELP] = {"help", .letter = 'h', .help = "print help"},
    [OPTION_VERSION] = {"version", .help = "print the version"},
};

enum option options_find(const char *name, size_t length)
{
    enum option option = 0;

    while (option < OPTION_COUNT && (strlen(option_rows[option].name) != length ||
                                     memcmp(option_rows[option].name, name, length) != 0))
        option++;
    return option;
}

/* Is an operand most likely the value of the option before it, which only an "=" can give it? */
static bool is_value_of(const struct option_row *row, const char *operand)
{
    char digest[DIGEST_ROOM];
    int64_t ignored = 0;

    return row->kind == VALUE_DIGEST
               ? strncmp(operand, "sha256:", 7) == 0 || digest_of_hex(operand, digest)
               : operand[0] != '\0' && (operand[strspn(operand, "0123456789")] == '\0' ||
                                        quantity_duration(operand, &ignored));
}

int options_parse(struct options *options, int argc, char **argv, options_of_command *accepted,
                  struct failure *failure)
{
    struct option_parser parser;
    struct fault fault = {.file = NULL};
    const struct option_row *before = NULL; /* an option that has no value, but could have one */
    int found = 0;

    *options = (struct options){.awaiting = OPTION_COUNT};
    options->operands = calloc((size_t)argc + 1, sizeof *options->operands);
    options->repeated = calloc((size_t)argc + 1, sizeof *options->repeated);
    if (options->operands == NULL || options->repeated == NULL)
        return fail_errno(failure, REASON_USAGE, NULL, "no memory");
    option_parser_begin(&parser, option_rows, OPTIONS_GLOBAL, argc, argv);
    parser.misplaced = "must come after the command";
    while ((found = option_parser_next(&parser, &fault)) > OPTION_PARSER_END) {
        const struct option_row *row = &option_rows[parser.option];
        if (found == OPTION_PARSER_OPTION && row->value != NULL && !row->is_repeatable &&
            options->values[parser.option] != NULL) {
            found = fault_refuse(&fault, "--%s is given twice", row->name);
            break;
        }
        if (found == OPTION_PARSER_OPERAND && before != NULL && !parser.only_operands &&
            is_value_of(before, parser.text)) {
            found = fault_refuse(&fault, "--%s %s: write --%s=%s, or --%s -- %s for an operand",
                                 before->name, parser.text, before->name, parser.text, before->name,
                                 parser.text);
            break;
        }
        before = found == OPTION_PARSER_OPTION && row->value_is_optional && parser.text[0] == '\0'
                     ? row
                     : NULL;
        if (found == OPTION_PARSER_OPTION) {
            options->values[parser.option] = parser.text;
            if (row->is_repeatable)
                options->repeated[options->repeated_count++] =
                    (struct repeated_option){(enum option)parser.option, parser.text};
        } else if (options->command != NULL) {
            options->operands[options->operand_count++] = parser.text;
            options->dashes += !parser.only_operands;
        } else {
            options->command = parser.text;
            parser.accepted |= accepted(parser.text);
            parser.misplaced = NULL;
        }
    }
    options->only_operands = parser.only_operands;
    if (parser.is_awaiting)
        options->awaiting = (enum option)parser.option;
    /* What was refused may be an option of the command of --from-command or --to-command. */
    bool gets_file = options_have(options, OPTION_TO_COMMAND);
    if (found < 0 && !parser.only_operands && options->operand_count > gets_file &&
        (gets_file || options_have(options, OPTION_FROM_COMMAND)))
        return fail(failure, REASON_USAGE, options->command,
                    "--%s needs -- before %s (see fsc help %s)",
                    option_rows[gets_file ? OPTION_TO_COMMAND : OPTION_FROM_COMMAND].name,
                    options->operands[gets_file], options->command);
    return found < 0 ? fail(failure, REASON_USAGE, options->command, "%s (see fsc help%s%s)",
                            fault.text, options->command != NULL ? " " : "",
                            options->command != NULL ? options->command : "")
                     : 0;
}

void options_free(struct options *options)
{
    free(options->operands);
    free(options->repeated);
}

bool options_have(const struct options *options, enum option option)
{
    return options->values[option] != NULL;
}

int options_exclude(const struct options *options, const enum option pairs[][2], size_t count,
                    struct failure *failure)
{
    for (size_t i = 0; i < count; i++) {
        if (options_have(options, pairs[i][0]) && options_have(options, pairs[i][1]))
            return fail(failure, REASON_USAGE, options->command,
                        "--%s and --%s cannot be used together", option_rows[pairs[i][0]].name,
                        option_rows[pairs[i][1]].name);
    }
    return 0;
}

int options_digest(const struct options *options, enum option option, char ret_digest[DIGEST_ROOM],
                   struct failure *failure)
{
    const char *hex = options->values[option];

    ret_digest[0] = '\0';
    if (hex == NULL || digest_of_hex(hex, ret_digest))
        return 0;
    return fail(
        failure, REASON_USAGE, options->command,
        "--%s: must be 64 hexadecimal digits and nothing else (the first word of sha256sum)",
        option_rows[option].name);
}

int options_time(const struct options *options, enum option option, int64_t *ret_ms,
                 struct failure *failure)
{
    const char *text = options->values[option];
    size_t length = text != NULL ? strlen(text) : 0;
    bool is_bare = length > 0 && strspn(text, "0123456789") == length;
    int64_t number = 0;

    if (text == NULL || (length == 0 && option_rows[option].value_is_optional))
        return 0;
    if (!(is_bare ? value_number(text, length, &number) : quantity_duration(text, &number)) ||
        number > TIME_LONGEST_MS / (is_bare ? 1000 : 1))
        return fail(failure, REASON_USAGE, NULL,
                    "--%s: must be a number of seconds, or a duration such as \"90s\" or "
                    "\"2h\"; at most 36500d",
                    option_rows[option].name);
    *ret_ms = is_bare ? number * 1000 : number;
    return 0;
}

int options_size(const struct options *options, enum option option, int64_t *ret_bytes,
                 struct failure *failure)
{
    const char *text = options->values[option];

    return text == NULL || quantity_size(text, ret_bytes)
               ? 0
               : fail(failure, REASON_USAGE, NULL,
                      "--%s: must be a number of bytes, or a size such as \"64K\" or \"2G\" "
                      "(there are K, M, G, T and P)",
                      option_rows[option].name);
}

int options_count(const struct options *options, enum option option, int64_t *ret,
                  struct failure *failure)
{
    const char *text = options->values[option];
    int64_t count = 0;

    if (text == NULL)
        return 0;
    if (!value_number(text, strlen(text), &count) || count == 0)
        return fail(failure, REASON_USAGE, options->command, "--%s must be a number above 0",
                    option_rows[option].name);
    *ret = count;
    return 0;
}

int options_age(const struct options *options, enum option option, int64_t *ret_seconds,
                struct failure *failure)
{
    const char *text = options->values[option];
    const char *name = option_rows[option].name;
    int digits = text != NULL ? (int)strspn(text, "0123456789") : 0;
    int64_t seconds = 0;

    if (text == NULL)
        return 0;
    if (digits > 0 && text[digits] == '\0')
        return fail(failure, REASON_USAGE, NULL,
                    "--%s: \"%s\" has no unit (write %.*sd for days; there are s, min, h, d and w)",
                    name, text, digits, text);
    if (digits > 0 && strcmp(text + digits, "m") == 0)
        return fail(failure, REASON_USAGE, NULL,
                    "--%s: \"%s\" could be minutes or months (write %.*smin, or days as in 30d)",
                    name, text, digits, text);
    if (!quantity_age(text, &seconds) || seconds > TIME_LONGEST_MS / 1000)
        return fail(failure, REASON_USAGE, NULL,
                    "--%s: must be a number and one of s, min, h, d and w, as in 30d; at most "
                    "36500d",
                    name);
    *ret_seconds = seconds;
    return 0;
}
