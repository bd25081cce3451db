#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands/commands.h"
#include "cli/download.h"
#include "cli/output.h"
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

/* What a complaint is about: the operand. */
static const char *subject(const struct listing *listing)
{
    return listing->asked != NULL ? listing->asked : "ls";
}

static int print_entry(const struct listing *listing, const struct entry *entry)
{
    char when[32] = "-";
    char size[24] = "-";
    struct tm utc;

    if (!has(listing, OPTION_LONG))
        return output_print("%s\n", entry->name);
    if (entry->size >= 0) {
        (void)snprintf(size, sizeof size, "%lld", (long long)entry->size);
        if (gmtime_r(&entry->mtime.tv_sec, &utc) != NULL)
            (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    return output_print("%13s %20s %s\n", size, when, entry->name);
}

static int complain_memory(const struct listing *listing)
{
    return complain(REASON_INTERNAL, subject(listing), "too many names to sort in memory: use -U");
}

static int keep_entry(struct listing *listing, const struct entry *entry, size_t length)
{
    listing->memory += sizeof *entry + length + 1;
    if (listing->memory > MEMORY_MOST)
        return complain_memory(listing);
    if (listing->count == listing->room) {
        size_t room = listing->room > 0 ? 2 * listing->room : 256;
        struct entry *entries = reallocarray(listing->entries, room, sizeof *entries);
        if (entries == NULL)
            return complain_memory(listing);
        listing->entries = entries;
        listing->room = room;
    }
    struct entry *kept = &listing->entries[listing->count];
    *kept = *entry;
    kept->name = strdup(entry->name);
    if (kept->name == NULL)
        return complain_memory(listing);
    listing->count++;
    return 0;
}

static size_t count_slashes(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += text[i] == '/';
    return count;
}

/* How deep below the folder may names lie? Their slashes; -1 for as deep as they like. */
static int depth_asked(const struct listing *listing)
{
    const char *match = listing->options->values[OPTION_MATCH];

    if (has(listing, OPTION_RECURSIVE))
        return -1;
    return match != NULL ? (int)count_slashes(match, strlen(match)) : 0;
}

/* Is this a name, and one that was asked for? Anything else is a breach of the protocol. */
static bool is_asked_for(const struct listing *listing, const char *name, size_t length)
{
    size_t prefix = listing->asked_length;
    size_t bare = name_length_without_slash(name, length);
    bool is_folder = bare < length;
    bool only_files = has(listing, OPTION_RECURSIVE) || has(listing, OPTION_MATCH);
    int depth = depth_asked(listing);

    if (!name_is_valid(name, bare) || (is_folder && only_files))
        return false;
    if (listing->asked != NULL) {
        if (bare < prefix || memcmp(name, listing->asked, prefix) != 0)
            return false;
        /* A file's own name, unless it was asked for as a folder. */
        if (length == prefix)
            return listing->asked[prefix] == '\0' && !has(listing, OPTION_MATCH);
        if (bare <= prefix + 1 || name[prefix] != '/')
            return false;
        name += prefix + 1;
        bare -= prefix + 1;
    }
    return depth < 0 || count_slashes(name, bare) == (size_t)depth;
}

static bool has_one_name(const struct line *line)
{
    for (size_t i = 1; i < line->count; i++) {
        if (line->fields[i].key == NULL)
            return false;
    }
    return line->fields[0].key == NULL;
}

static int take_line(struct listing *listing, const char *bytes, size_t length)
{
    struct line *line = &listing->line;
    struct entry entry = {.size = -1};

    if (length > 0 && bytes[length - 1] == '\r')
        length--;
    if (line_parse(line, bytes, length) < 0 || !has_one_name(line) ||
        !is_asked_for(listing, line->fields[0].bytes, line->fields[0].length))
        return complain(REASON_BREACH, subject(listing),
                        "the server listed what is no name, or was not asked for");
    entry.name = line->text;
    const struct field *size = line_option(line, "size");
    const struct field *mtime = line_option(line, "mtime");
    if ((size != NULL && !value_number(size->bytes, size->length, &entry.size)) ||
        (mtime != NULL && !value_time(mtime->bytes, mtime->length, &entry.mtime)))
        return complain(REASON_BREACH, entry.name, "the server sent no valid size or time");
    return has(listing, OPTION_UNSORTED) ? print_entry(listing, &entry)
                                         : keep_entry(listing, &entry, line->fields[0].length);
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
            return complain(REASON_BREACH, subject(listing), "the server sent too long a line");
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

static int ask(struct connection *connection, const struct listing *listing)
{
    char name[NAME_ESCAPED_ROOM] = "";
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
    code = connection_ask(connection, ANSWER_EMPTY);
    if (code < 0 && code != -REASON_EMPTY)
        return complain(reason_of(code), subject(listing), "%s", connection->why);
    return code;
}

static int list(struct connection *connection, struct listing *listing)
{
    int code = ask(connection, listing);

    if (code < 0)
        return code == -REASON_EMPTY ? 0 : code;
    code = download_body(connection, subject(listing), take_piece, listing, NULL);
    if (code == 0 && listing->rest_length > 0)
        return complain(REASON_BREACH, subject(listing), "the server's last line has no end");
    return code;
}

static int by_name(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;

    return strcmp(a->name, b->name);
}

/* Prints what was kept, in order. A listing that broke off is not shown. */
static int print_kept(struct listing *listing)
{
    int code = 0;

    if (listing->count > 0)
        qsort(listing->entries, listing->count, sizeof *listing->entries, by_name);
    for (size_t i = 1; i < listing->count; i++) {
        if (by_name(&listing->entries[i - 1], &listing->entries[i]) == 0)
            return complain(REASON_BREACH, listing->entries[i].name, "the server listed it twice");
    }
    for (size_t i = 0; code == 0 && i < listing->count; i++)
        code = print_entry(listing, &listing->entries[i]);
    return code;
}

static void listing_free(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->entries[i].name);
    free(listing->entries);
    free(listing);
}

/* Lists what one operand tells, or everything for NULL. */
static int list_one(struct invocation *invocation, const char *operand)
{
    size_t length = operand != NULL ? name_length_without_slash(operand, strlen(operand)) : 0;
    const char *fault = operand != NULL ? name_fault(operand, length) : NULL;

    if (fault != NULL)
        return complain(REASON_USAGE, operand, "no name: %s", fault);
    struct listing *listing = calloc(1, sizeof *listing);
    if (listing == NULL)
        return complain_errno(REASON_INTERNAL, operand, "no memory");
    listing->options = invocation->options;
    listing->asked = operand;
    listing->asked_length = length;
    int code = list(&invocation->connection, listing);
    if (code == 0)
        code = print_kept(listing);
    listing_free(listing);
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
