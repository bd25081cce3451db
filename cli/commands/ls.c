#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands/commands.h"
#include "cli/output.h"
#include "cli/transfer.h"
#include "protocol/line.h"
#include "protocol/name.h"
#include "protocol/value.h"

enum {
    MEMORY_MOST = 64 * 1024 * 1024, /* bytes of names and their index that are kept for sorting */
};

struct entry {
    char *name;
    int64_t size; /* -1: not told, as of a folder */
    struct timespec mtime;
};

struct listing {
    const struct options *options;
    const char *asked;       /* the folder or file, as the user wrote it; NULL for everything */
    size_t asked_length;     /* without a '/' behind it */
    char rest[LINE_LONGEST]; /* a line that has not yet come whole */
    size_t rest_length;
    struct line line;
    struct entry *entries;
    size_t count;
    size_t room;
    size_t memory;
};

static bool has(const struct listing *listing, enum option option)
{
    return listing->options->values[option] != NULL;
}

static void print_entry(const struct listing *listing, const struct entry *entry)
{
    char when[32] = "-";
    char size[24] = "-";
    struct tm utc;

    if (!has(listing, OPTION_LONG)) {
        (void)puts(entry->name);
        return;
    }
    if (entry->size >= 0) {
        (void)snprintf(size, sizeof size, "%lld", (long long)entry->size);
        if (gmtime_r(&entry->mtime.tv_sec, &utc) != NULL)
            (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    (void)printf("%13s %20s %s\n", size, when, entry->name);
}

static int complain_memory(void)
{
    return complain(REASON_INTERNAL, "ls", "too many names to sort in memory: use -U");
}

static int keep_entry(struct listing *listing, const struct entry *entry, size_t length)
{
    listing->memory += sizeof *entry + length + 1;
    if (listing->memory > MEMORY_MOST)
        return complain_memory();
    if (listing->count == listing->room) {
        size_t room = listing->room > 0 ? 2 * listing->room : 256;
        struct entry *entries = reallocarray(listing->entries, room, sizeof *entries);
        if (entries == NULL)
            return complain_memory();
        listing->entries = entries;
        listing->room = room;
    }
    struct entry *kept = &listing->entries[listing->count];
    *kept = *entry;
    kept->name = strdup(entry->name);
    if (kept->name == NULL)
        return complain_memory();
    listing->count++;
    return 0;
}

/* Is this name a name, and one that was asked for? */
static bool is_asked_for(const struct listing *listing, const char *name, size_t length)
{
    bool is_folder = length > 1 && name[length - 1] == '/';

    if (!name_is_valid(name, is_folder ? length - 1 : length))
        return false;
    if (is_folder && (has(listing, OPTION_RECURSIVE) || has(listing, OPTION_MATCH)))
        return false;
    if (listing->asked == NULL)
        return true;
    return strncmp(name, listing->asked, listing->asked_length) == 0 &&
           (name[listing->asked_length] == '/' || name[listing->asked_length] == '\0');
}

static int take_line(struct listing *listing, const char *bytes, size_t length)
{
    struct line *line = &listing->line;
    struct entry entry = {.size = -1};

    if (line_parse(line, bytes, length) < 0 || line->fields[0].key != NULL ||
        !is_asked_for(listing, line->fields[0].bytes, line->fields[0].length))
        return complain(REASON_BREACH, "ls", "the server listed what is no name, or not asked for");
    entry.name = line->text;
    const struct field *size = line_option(line, "size");
    const struct field *mtime = line_option(line, "mtime");
    if ((size != NULL && !value_number(size->bytes, size->length, &entry.size)) ||
        (mtime != NULL && !value_time(mtime->bytes, mtime->length, &entry.mtime)))
        return complain(REASON_BREACH, entry.name, "the server sent no valid size or time");
    if (!has(listing, OPTION_UNSORTED))
        return keep_entry(listing, &entry, line->fields[0].length);
    print_entry(listing, &entry);
    return output_has_failed() ? output_flush() : 0;
}

/* Cuts a piece of the body into lines; what is left over waits for the next piece. */
static int take_piece(void *context, const char *bytes, size_t length)
{
    struct listing *listing = context;
    int code = 0;

    while (code == 0 && length > 0) {
        const char *end = memchr(bytes, '\n', length);
        size_t piece = end != NULL ? (size_t)(end - bytes) : length;
        if (listing->rest_length + piece >= sizeof listing->rest)
            return complain(REASON_BREACH, "ls", "the server sent a line that is too long");
        memcpy(listing->rest + listing->rest_length, bytes, piece);
        listing->rest_length += piece;
        if (end == NULL)
            break;
        code = take_line(listing, listing->rest, listing->rest_length);
        listing->rest_length = 0;
        bytes += piece + 1;
        length -= piece + 1;
    }
    return code;
}

static int by_name(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;

    return strcmp(a->name, b->name);
}

static int ask(struct connection *connection, const struct listing *listing)
{
    char name[3 * (NAME_LONGEST + 1) + 1] = "";
    char pattern[3 * LINE_LONGEST + 1] = "";
    const char *match = listing->options->values[OPTION_MATCH];
    int code = connection_ready(connection);

    if (code < 0)
        return code;
    if (listing->asked != NULL)
        (void)line_escape(listing->asked, strlen(listing->asked), name);
    if (match != NULL)
        (void)line_escape(match, strlen(match), pattern);
    code = stream_print(&connection->stream, "LIST%s%s%s%s%s%s\n",
                        listing->asked != NULL ? " " : "", name, match != NULL ? " match=" : "",
                        pattern, has(listing, OPTION_RECURSIVE) ? " deep=1" : "",
                        has(listing, OPTION_LONG) ? " details=1" : "");
    if (code == -REASON_INTERNAL)
        return complain(REASON_USAGE, match, "the pattern is too long");
    return connection_ask(connection, ANSWER_EMPTY);
}

static int list(struct connection *connection, struct listing *listing)
{
    bool complained = false;
    int code = ask(connection, listing);

    if (code == -REASON_EMPTY)
        return 0;
    if (connection->unreachable || code == -REASON_USAGE)
        return code;
    if (code == 0)
        code = transfer_read_body(connection, take_piece, listing, NULL, &complained);
    if (code == 0 && listing->rest_length > 0)
        code = connection_failed(connection, -REASON_BREACH);
    if (code < 0 && !complained)
        return complain((enum reason) - code, listing->asked != NULL ? listing->asked : "ls", "%s",
                        connection->why);
    return code;
}

/* Prints what was kept, in order, and frees it. A listing that broke off is not shown. */
static int print_kept(struct listing *listing, int code)
{
    if (listing->count > 0)
        qsort(listing->entries, listing->count, sizeof *listing->entries, by_name);
    for (size_t i = 0; i < listing->count; i++) {
        if (code == 0)
            print_entry(listing, &listing->entries[i]);
        free(listing->entries[i].name);
    }
    free(listing->entries);
    return code;
}

/* Lists what one operand tells, or everything for NULL. */
static int list_one(struct invocation *invocation, const char *operand)
{
    struct listing *listing = calloc(1, sizeof *listing);

    if (listing == NULL)
        return complain_memory();
    listing->options = invocation->options;
    if (operand != NULL) {
        listing->asked = operand;
        listing->asked_length = strlen(operand);
        if (listing->asked_length > 1 && operand[listing->asked_length - 1] == '/')
            listing->asked_length--;
        const char *fault = name_fault(operand, listing->asked_length);
        if (fault != NULL) {
            free(listing);
            return complain(REASON_USAGE, operand, "no name: %s", fault);
        }
    }
    int code = print_kept(listing, list(&invocation->connection, listing));
    free(listing);
    return code;
}

int ls_run(struct invocation *invocation)
{
    const struct options *options = invocation->options;
    const char *match = options->values[OPTION_MATCH];

    if (match != NULL && (match[0] == '\0' || strlen(match) >= LINE_LONGEST))
        return complain(REASON_USAGE, "ls", "the pattern is %s",
                        match[0] == '\0' ? "empty" : "too long");
    int code = options->operand_count > 0 ? invocation_run_each(invocation, list_one)
                                          : list_one(invocation, NULL);
    int printed = output_flush();
    return code < 0 ? code : printed;
}
